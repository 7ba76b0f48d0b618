import type { Json } from "./check.js";
import type { PreparedRow, RowBatch, RowsAbout, Terms, WireRow, Worth } from "./evaluation.js";
import type {
  ClassBallot,
  JudgeKind,
  JudgeTasks,
  PreferenceBallot,
  RewardKind,
  RewardTasks,
  ScoreBallot,
} from "./tasks.js";
import type {
  AdapterChoice,
  Backend,
  CalibrationFit,
  CalibrationMap,
  CalibrationOptions,
  ChatMessage,
  ChatPrompt,
  ClassRubric,
  CompareOptions,
  Constraint,
  Generation,
  Guide,
  JudgeOptions,
  LoadPlan,
  ModelInfo,
  PairwiseResult,
  PanelClass,
  PanelPreference,
  PanelScore,
  Progress,
  Ranking,
  RankOptions,
  ReadOptions,
  StatesOptions,
  Recovery,
  Report,
  ReportSettings,
  RewardOptions,
  RewardTask,
  ScoreRubric,
  Template,
  TokenPlace,
} from "../types/index.js";

/** The exports of the generated `wasm/lunette.js` that this package uses. */
export interface WasmModule {
  default(input?: {
    module_or_path: URL | Response | WebAssembly.Module | BufferSource;
    memory?: WebAssembly.Memory;
  }): Promise<unknown>;
  /** `start` is called with the number of threads that a model wants, this one among them, or without for all cores. */
  startThreadsBy(start: (wanted?: number) => void): void;
  /** Makes known that this thread helps from now on. {@link helpThreads} must follow. */
  joinThreads(): void;
  /** Never returns. */
  helpThreads(): void;
  /** Must be called where {@link helpThreads} has thrown. */
  threadFailed(): void;
  WasmEngine: WasmEngineClass;
  WasmSha256: WasmSha256Class;
  /** Reads headers only. */
  planLoad: (
    model: ModelBytes,
    options: WasmLoadOptions,
    control: Control,
    adapters: WasmAdapter[],
    head: WasmAdapter | undefined,
  ) => Promise<WasmLoadPlan>;
  WasmAdapter: { read(file: ModelBytes): Promise<WasmAdapter> };
  parseRubric(yaml: string): ScoreRubric | ClassRubric | string;
  parseTemplate(yaml: string): Template;
  rankResults(results: PairwiseResult[], options: RankOptions): Ranking;
  fitCalibration(predictions: Float64Array, labels: Float64Array, options: CalibrationOptions): CalibrationFit;
  applyCalibration(map: CalibrationMap, expected: number): number;
  combineScores(verdicts: ScoreBallot[]): PanelScore;
  combineClasses(verdicts: ClassBallot[]): PanelClass;
  combinePreferences(verdicts: PreferenceBallot[]): PanelPreference;
  checkTerms(terms: Terms[]): void;
  prepareRow(terms: Terms[], meanings: Record<string, string>, settings: string, row: WireRow): PreparedRow;
  rowWorth(terms: Terms[], task: WireRow["task"], verdicts: Record<string, unknown>): Worth;
  WasmRows: {
    open(file: RowSource, name: string, format: string | undefined, map: Record<string, string[]>): WasmRows;
  };
  WasmResults: new (terms: Terms[]) => WasmResults;
  renderReport(report: Report, form: string): string;
}

/** A file that is read at once. Fewer bytes than asked for are its end. */
export interface RowSource {
  read(at: number, length: number): Uint8Array;
}

/** A file with rows, which are pulled in batches. */
export interface WasmRows {
  about(): RowsAbout;
  next(): RowBatch;
  free(): void;
}

/** Results, gathered for a report, which takes them. */
export interface WasmResults {
  add(results: Json[], first: number): void;
  /** A {@link Report} as JSON. */
  report(settings: ReportSettings, details: boolean): string;
  /** A {@link Paired} as JSON. */
  compared(second: WasmResults, settings: ReportSettings): string;
  free(): void;
}

export interface WasmEngineClass {
  load(
    model: ModelBytes,
    options: WasmLoadOptions,
    onProgress: (progress: Progress) => void,
    onRecovery: (event: Recovery) => void,
    control: Control,
    adapters: WasmAdapter[],
    head: WasmAdapter | undefined,
  ): Promise<WasmEngine>;
}

/** An adapter or a head, read whole. A load takes the handle that it is given; `share` makes another of the same adapter. */
export interface WasmAdapter {
  share(): WasmAdapter;
  free(): void;
}

/** Throws `Error` objects with a `code` of {@link ErrorCode}. Calls may overlap: the engine queues them. */
export interface WasmEngine {
  /** May change: see {@link Recovery}. */
  info(): ModelInfo;
  tokenize(text: string, special: boolean): Uint32Array;
  detokenize(tokens: Uint32Array): string;
  chatPrompt(messages: ChatMessage[]): ChatPrompt;
  logits(tokens: Uint32Array, control: Control, options?: WasmReadOptions): Promise<Float32Array>;
  logprobs(tokens: Uint32Array, control: Control, options?: WasmReadOptions): Promise<Float32Array>;
  states(tokens: Uint32Array, control: Control, options?: WasmStatesOptions): Promise<Float32Array>;
  generate(
    prompt: Prompt,
    options: WasmGenerateOptions,
    guide: WasmGuide | undefined,
    onToken: OnToken,
    control: Control,
  ): Promise<Generation>;
  judge(
    kind: JudgeKind,
    task: JudgeTasks[JudgeKind]["task"],
    options: WasmJudgeOptions,
    onToken: OnToken,
    control: Control,
  ): Promise<JudgeTasks[JudgeKind]["verdict"]>;
  reward(
    kind: RewardKind,
    task: RewardTasks[RewardKind]["task"],
    options: WasmRewardOptions,
    control: Control,
  ): Promise<RewardTasks[RewardKind]["verdict"]>;
  goalFrom(examples: RewardTask[], control: Control): Promise<Float32Array>;
  free(): void;
}

/** The engine's part of a {@link LoadPlan}. */
export type WasmLoadPlan = Omit<LoadPlan, "download" | "storage">;

/**
 * The bytes of a model: one file, or the parts of a split one. A part may be opened again at any time, as after its header
 * was read or after a lost device.
 */
export interface ModelBytes {
  readonly parts: number;
  /** Rust passes on the `code` of errors of this and of {@link ByteSource.next}. */
  open(part: number): Promise<ByteSource>;
}

/** A pull stream of a file's bytes. Ends with `null`. */
export interface ByteSource {
  /** Size of the file in bytes, where known. */
  readonly size?: number;
  next(): Promise<Uint8Array | null>;
  /** Called once, when the reader is done. */
  close(): void;
}

/** An incremental SHA-256, whose state can be saved and restored. */
export interface WasmSha256 {
  update(bytes: Uint8Array): void;
  /** The state, for {@link WasmSha256Class.restore}. */
  save(): Uint8Array;
  /** In hexadecimal digits. */
  digest(): string;
  free(): void;
}

export interface WasmSha256Class {
  new (): WasmSha256;
  restore(state: Uint8Array): WasmSha256;
}

/** Cancels and yields. A long call checks `aborted` between its steps, and awaits `pause` so that messages are handled. */
export interface Control {
  readonly aborted: boolean;
  pause(): Promise<void>;
}

export type Prompt = string | Uint32Array | ChatMessage[];
/** `index`: the number of the verdict that the text belongs to, in a call with several; `part`: what of it the text is. */
export type OnToken = ((text: string, index?: number, part?: TokenPlace["part"]) => void) | undefined;

export interface WasmLoadOptions {
  backend?: Backend;
  disable?: string[];
  contextLength?: number;
  maxBatch?: number;
  chatTemplate?: string;
  date?: string;
  threads?: number;
}

export type WasmJudgeOptions = Omit<JudgeOptions & CompareOptions, "onToken" | "signal">;

export type WasmReadOptions = Omit<ReadOptions, "signal">;

export type WasmStatesOptions = Omit<StatesOptions, "signal">;

/** A {@link GoalChoice} that can be posted. */
export type WasmGoal = string | Record<string, number> | number[];

export type WasmRewardOptions = Omit<RewardOptions, "goal" | "signal"> & { goal?: WasmGoal };

export type WasmGuide = Omit<Guide, "goal"> & { goal?: WasmGoal };

export interface WasmGenerateOptions {
  maxTokens?: number;
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  adapter?: AdapterChoice;
  seed?: number;
  stop?: string[];
  logprobs?: boolean;
  topLogprobs?: number;
  constraint?: Constraint;
}
