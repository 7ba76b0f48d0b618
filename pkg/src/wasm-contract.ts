import type { Backend, ChatMessage, Generation, ModelInfo, Progress, ScoreTask, ScoreVerdict } from "./types.js";

/** What the Rust side exports: the generated `wasm/lunette.js`, as this package relies on it. */
export interface WasmModule {
  default(input?: { module_or_path: URL | Response | WebAssembly.Module | BufferSource }): Promise<unknown>;
  WasmEngine: WasmEngineClass;
}

export interface WasmEngineClass {
  load(
    source: ByteSource,
    options: WasmLoadOptions,
    onProgress: (progress: Progress) => void,
    control: Control,
  ): Promise<WasmEngine>;
}

/** Errors arrive as `Error` objects with a `code` of {@link ErrorCode}. Calls may overlap: the engine queues them. */
export interface WasmEngine {
  info(): ModelInfo;
  tokenize(text: string, special: boolean): Uint32Array;
  detokenize(tokens: Uint32Array): string;
  logits(tokens: Uint32Array, control: Control): Promise<Float32Array>;
  logprobs(tokens: Uint32Array, control: Control): Promise<Float32Array>;
  generate(prompt: Prompt, options: WasmGenerateOptions, onToken: OnToken, control: Control): Promise<Generation>;
  score(task: ScoreTask, options: WasmJudgeOptions, onToken: OnToken, control: Control): Promise<ScoreVerdict>;
  free(): void;
}

/** Bytes of a file, in order, pulled until `null`. */
export interface ByteSource {
  /** Bytes in all, where it is known. */
  readonly size?: number;
  next(): Promise<Uint8Array | null>;
}

/** Given to every long call, which looks at `aborted` between its steps and awaits `pause` so that messages arrive. */
export interface Control {
  readonly aborted: boolean;
  pause(): Promise<void>;
}

export type Prompt = string | Uint32Array | ChatMessage[];
export type OnToken = ((text: string) => void) | undefined;

export interface WasmLoadOptions {
  backend?: Backend;
  disable?: string[];
  contextLength?: number;
  maxBatch?: number;
}

export interface WasmJudgeOptions {
  critique?: boolean;
  maxTokens?: number;
  temperature?: number;
  seed?: number;
}

export interface WasmGenerateOptions {
  maxTokens?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  seed?: number;
  stop?: string[];
  logprobs?: boolean;
  topLogprobs?: number;
}
