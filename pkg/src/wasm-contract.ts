import type { PanelClass, PanelPreference, PanelScore } from "./panel.js";
import type { ClassBallot, JudgeKind, JudgeTasks, PreferenceBallot, ScoreBallot } from "./protocol.js";
import type {
  CalibrationFit,
  CalibrationMap,
  CalibrationOptions,
  PairwiseResult,
  Ranking,
  RankOptions,
} from "./statistics.js";
import type {
  Backend,
  ChatMessage,
  ClassRubric,
  CompareOptions,
  Constraint,
  Generation,
  JudgeOptions,
  ModelInfo,
  Progress,
  ScoreRubric,
  Template,
} from "./types.js";

/** What the Rust side exports: the generated `wasm/lunette.js`, as this package relies on it. */
export interface WasmModule {
  default(input?: { module_or_path: URL | Response | WebAssembly.Module | BufferSource }): Promise<unknown>;
  WasmEngine: WasmEngineClass;
  parseRubric(yaml: string): ScoreRubric | ClassRubric | string;
  parseTemplate(yaml: string): Template;
  rankResults(results: PairwiseResult[], options: RankOptions): Ranking;
  fitCalibration(predictions: Float64Array, labels: Float64Array, options: CalibrationOptions): CalibrationFit;
  applyCalibration(map: CalibrationMap, expected: number): number;
  combineScores(verdicts: ScoreBallot[]): PanelScore;
  combineClasses(verdicts: ClassBallot[]): PanelClass;
  combinePreferences(verdicts: PreferenceBallot[]): PanelPreference;
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
  judge(
    kind: JudgeKind,
    task: JudgeTasks[JudgeKind]["task"],
    options: WasmJudgeOptions,
    onToken: OnToken,
    control: Control,
  ): Promise<JudgeTasks[JudgeKind]["verdict"]>;
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
/** `index`: the number of the verdict that the text belongs to, where a call has several. */
export type OnToken = ((text: string, index?: number) => void) | undefined;

export interface WasmLoadOptions {
  backend?: Backend;
  disable?: string[];
  contextLength?: number;
  maxBatch?: number;
}

export type WasmJudgeOptions = Omit<JudgeOptions & CompareOptions, "onToken" | "signal">;

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
  constraint?: Constraint;
}
