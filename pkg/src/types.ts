/** A message of a conversation, rendered through the model's own chat template. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  /** Always plain text: markers such as `<|im_end|>` in it stay text and cannot end the turn. */
  content: string;
}

/** A model by address, with what its file may not say of itself. */
export interface ModelRef {
  /** Where the GGUF file lies. A relative address is resolved against the page. */
  url: string | URL;
  /** Size of the file in bytes, for progress when the server does not tell it. */
  bytes?: number;
  /** Licence shown in {@link ModelInfo.license} when the file names none. */
  license?: string;
}

/** Whatever a model can be loaded from: an address, a file that the user picked, or the bytes of a GGUF file. */
export type ModelSource = string | URL | File | Blob | ArrayBuffer | ModelRef;

/**
 * Where the arithmetic runs. `webgpu` insists on WebGPU, `wasm` on SIMD WebAssembly; `auto` takes WebGPU on a
 * hardware adapter, else wasm.
 */
export type Backend = "auto" | "webgpu" | "wasm";

/** An optional capability of a GPU that can be left unused, to test or to work around a driver. */
export type Capability = "subgroups" | "f16" | "dp4a";

/** How a model is loaded. */
export interface LoadOptions {
  /** Default `"auto"`. */
  backend?: Backend;
  /** GPU capabilities not to use even where the adapter has them. Default none. */
  disable?: Capability[];
  /** Tokens that prompt and answer may take together. Default: what the model was trained for, at most 8192. */
  contextLength?: number;
  /** Most sequences computed in one pass, when calls overlap: 1 to 64. Default 16. */
  maxBatch?: number;
  /**
   * Default `true`: the engine runs in a Web Worker of its own, so that the page never blocks. `false` runs it on the
   * calling thread, for places without workers.
   */
  worker?: boolean;
  /** Called as the load goes on, at most some twenty times a second. */
  onProgress?: (progress: Progress) => void;
  /** Stops the load; the promise rejects with code `"aborted"`. */
  signal?: AbortSignal;
}

/** How far a load has come. */
export interface Progress {
  /** `download`: bytes of the model; `compile`: shaders and pipelines; `ready`: done. */
  phase: "download" | "compile" | "ready";
  /** Bytes in `download`, steps otherwise. */
  loaded: number;
  /** What `loaded` will reach, where it is known. */
  total?: number;
}

/** What was loaded and where it runs. */
export interface ModelInfo {
  /** The model's own name, from its metadata. */
  name: string;
  /** GGUF architecture, as `"llama"`. */
  architecture: string;
  /** The file's main block format, as `"Q4_1"`. */
  quantization: string;
  /** Number of weights. */
  parameters: number;
  /** Tokens that prompt and answer may take together. */
  contextLength: number;
  /** Number of distinct tokens: the length of {@link Engine.logits}. */
  vocabularySize: number;
  /** The backend that was chosen. */
  backend: "webgpu" | "wasm";
  /** The adapter's name; on the wasm backend, the processor's. */
  adapter: string;
  /** Capabilities in use: `"subgroups"`, `"f16"`, `"dp4a"`, `"simd128"`. */
  capabilities: string[];
  /** Bytes held on the GPU: weights, cache and scratch. 0 on the wasm backend. */
  gpuBytes: number;
  /** Licence of the model, where the file or the {@link ModelRef} names one. */
  license?: string;
}

/** What a response is judged by. */
export interface ScoreRubric {
  /** The question that the judge answers, as "Is the explanation correct and complete?". */
  objective: string;
  /** What each integer score means. At least two. `{ 1: "…", 2: "…", 3: "…", 4: "…", 5: "…" }` is what judges are trained on. */
  scale: Record<number, string>;
}

/** One response to be scored. All texts are data: nothing in them can end a turn or pose as the judge's answer. */
export interface ScoreTask {
  /** The instruction that was answered. */
  input: string;
  /** The answer that is judged. */
  response: string;
  /** An answer that would earn the highest score. */
  reference?: string;
  /** Passages that the response should rest on. */
  context?: string | string[];
  rubric: ScoreRubric;
}

/** How a verdict is reached. */
export interface JudgeOptions {
  /** Write the reasoning before the verdict. Default `true`; `false` reads the verdict at once, in one pass. */
  critique?: boolean;
  /** Most tokens that the critique may take; past it the verdict is read all the same. Default 512. */
  maxTokens?: number;
  /** 0, the default, always takes the likeliest token. */
  temperature?: number;
  /** Makes sampling repeatable when `temperature` is above 0. */
  seed?: number;
  /** Called with each new piece of the critique. */
  onToken?: (text: string) => void;
  /** Stops the call; the promise rejects with code `"aborted"` and the judge stays usable. */
  signal?: AbortSignal;
}

/** Tokens that a call took. */
export interface Usage {
  promptTokens: number;
  /** Prompt tokens that did not have to be computed again. */
  cachedTokens: number;
  completionTokens: number;
}

/** Wall-clock time of a call, in milliseconds. */
export interface Timing {
  prefillMs: number;
  decodeMs: number;
  totalMs: number;
}

/** The judge's answer, with what it was computed from. */
export interface ScoreVerdict {
  /** The likeliest score of the scale. */
  score: number;
  /** Σ p·score, with p normalized over the scale. */
  expected: number;
  /** Probability of each score, over the whole vocabulary: with `outside` it sums to 1. Keys are the scores. */
  distribution: Record<string, number>;
  /** Probability of everything that is not a score of the scale. */
  outside: number;
  /** The reasoning; `null` when it was not asked for. */
  critique: string | null;
  usage: Usage;
  timing: Timing;
}

/** How text is generated. */
export interface GenerateOptions {
  /** Most tokens to generate. Default 256. */
  maxTokens?: number;
  /** 0, the default, always takes the likeliest token. */
  temperature?: number;
  /** Sample only from the k likeliest tokens. */
  topK?: number;
  /** Sample only from the likeliest tokens that together reach this probability. */
  topP?: number;
  /** Sample only from tokens at least this fraction as likely as the likeliest. */
  minP?: number;
  /** Makes sampling repeatable. */
  seed?: number;
  /** Texts that end the generation; they are not part of the result. */
  stop?: string[];
  /** Return the log-probability of every generated token. */
  logprobs?: boolean;
  /** Return, for each generated token, this many of the likeliest in its place: at most 20. Default 0. */
  topLogprobs?: number;
  /** Called with each new piece of text. */
  onToken?: (text: string) => void;
  /** Stops the call; the promise rejects with code `"aborted"` and the engine stays usable. */
  signal?: AbortSignal;
}

/** A token with the natural logarithm of its probability. */
export interface TokenLogprob {
  token: number;
  logprob: number;
}

/** What was generated. */
export interface Generation {
  text: string;
  tokens: Uint32Array;
  /** Natural logarithm of each token's probability, `[tokens.length]`, before temperature and truncation. */
  logprobs?: Float32Array;
  /** For each generated token those that were likeliest in its place, likeliest first, before temperature and truncation. */
  topLogprobs?: TokenLogprob[][];
  /** `stop`: the model ended its turn or a stop text came; `length`: `maxTokens` or the context was reached. */
  finishReason: "stop" | "length";
  usage: Usage;
  timing: Timing;
}

/** What every long call accepts. */
export interface CallOptions {
  /** Stops the call; the promise rejects with code `"aborted"` and the engine stays usable. */
  signal?: AbortSignal;
}
