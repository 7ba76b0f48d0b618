import type { Json } from "./check.js";
import type { WireError } from "./errors.js";
import type { PreparedRow, RowBatch, RowsAbout, Terms, WireRow, WireRows, Worth } from "./evaluation.js";
import type {
  CachedModel,
  CalibrationMap,
  ChatMessage,
  ChatPrompt,
  Generation,
  LoadPlan,
  ModelInfo,
  Paired,
  PanelClass,
  PanelPreference,
  PanelScore,
  Progress,
  Recovery,
  Report,
  ReportForm,
  ReportSettings,
  RewardTask,
  RowFormat,
  StorageUsage,
  TokenPlace,
} from "../types/index.js";
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
  Prompt,
  WasmGenerateOptions,
  WasmGuide,
  WasmJudgeOptions,
  WasmLoadOptions,
  WasmReadOptions,
  WasmRewardOptions,
  WasmStatesOptions,
} from "./wasm-contract.js";

/** Every call that the page can make to the worker. */
export interface Calls {
  load: { args: [source: WireSource, options: WasmLoadOptions, arrival: ArrivalOptions]; result: ModelInfo };
  plan: { args: [source: WireSource, options: WasmLoadOptions, arrival: ArrivalOptions]; result: LoadPlan };
  listModels: { args: []; result: CachedModel[] };
  storageUsage: { args: []; result: StorageUsage };
  deleteModel: { args: [id: string, url: string | undefined]; result: undefined };
  importModel: { args: [file: Blob, source: WireUrl | undefined]; result: CachedModel };
  exportModel: { args: [id: string, url: string | undefined]; result: Blob };
  tokenize: { args: [text: string, special: boolean]; result: Uint32Array };
  detokenize: { args: [tokens: Uint32Array]; result: string };
  chatPrompt: { args: [messages: ChatMessage[]]; result: ChatPrompt };
  logits: { args: [tokens: Uint32Array, options: WasmReadOptions]; result: Float32Array };
  logprobs: { args: [tokens: Uint32Array, options: WasmReadOptions]; result: Float32Array };
  states: { args: [tokens: Uint32Array, options: WasmStatesOptions]; result: Float32Array };
  generate: {
    args: [prompt: Prompt, options: WasmGenerateOptions, guide: WasmGuide | undefined];
    result: Generation;
  };
  judge: {
    args: [kind: JudgeKind, task: JudgeTasks[JudgeKind]["task"], options: WasmJudgeOptions];
    result: JudgeTasks[JudgeKind]["verdict"];
  };
  reward: {
    args: [kind: RewardKind, task: RewardTasks[RewardKind]["task"], options: WasmRewardOptions];
    result: RewardTasks[RewardKind]["verdict"];
  };
  goalFrom: { args: [examples: RewardTask[]]; result: Float32Array };
  applyCalibration: { args: [map: CalibrationMap, expected: number]; result: number };
  combineScores: { args: [verdicts: ScoreBallot[]]; result: PanelScore };
  combineClasses: { args: [verdicts: ClassBallot[]]; result: PanelClass };
  combinePreferences: { args: [verdicts: PreferenceBallot[]]; result: PanelPreference };
  checkTerms: { args: [terms: Terms[]]; result: undefined };
  prepareRow: {
    args: [terms: Terms[], meanings: Record<string, string>, settings: string, row: WireRow];
    result: PreparedRow;
  };
  rowWorth: { args: [terms: Terms[], task: WireRow["task"], verdicts: Record<string, unknown>]; result: Worth };
  openRows: {
    args: [file: WireRows, name: string, format: RowFormat | undefined, map: Record<string, string[]>];
    result: RowsAbout;
  };
  nextRows: { args: []; result: RowBatch };
  /** `run` tells the two runs of a comparison apart; `first` is the number of the first result. */
  addResults: { args: [run: 0 | 1, terms: Terms[], results: Json[], first: number]; result: undefined };
  /** As JSON. */
  report: { args: [settings: ReportSettings, details: boolean]; result: string };
  compareRuns: { args: [settings: ReportSettings]; result: Paired };
  renderReport: { args: [report: Report, form: ReportForm]; result: string };
  dispose: { args: []; result: undefined };
}

export type Method = keyof Calls;

/** One call, of any method. */
export type Call = { [M in Method]: { method: M; args: Calls[M]["args"] } }[Method];

/** Page → worker. `stream`: send tokens as they are generated. */
export type Request = (Call & { type: "call"; id: number; stream: boolean }) | { type: "abort"; id: number };

/**
 * Worker → page. `hello` comes first, once the worker's script has loaded. `recovery` (the device was lost) and `info` (the
 * engine's new state) belong to no call.
 */
export type Reply =
  | { type: "hello" }
  | { type: "progress"; id: number; progress: Progress }
  | { type: "recovery"; event: Recovery }
  | { type: "info"; info: ModelInfo }
  | { type: "token"; id: number; text: string; place: TokenPlace }
  | { type: "result"; id: number; value: Calls[Method]["result"] }
  | { type: "error"; id: number; error: WireError };

/** Where the worker loads the model from. A `Blob` is sent by reference, whatever its size. */
export type WireSource = WireUrl | WireBlobs;

export interface WireUrl {
  kind: "url";
  /** The file, or the parts of a split one. */
  parts: string[];
  /** Of all parts together. */
  bytes?: number;
  /** One for each part, in lower case. */
  sha256?: string[];
  name?: string;
  license?: string;
}

export interface WireBlobs {
  kind: "blobs";
  parts: Blob[];
  sha256?: string[];
}

/** Options of a load that the engine does not need. */
export interface ArrivalOptions {
  cache: boolean;
  /** Where the adapters are loaded from. */
  adapters: WireSource[];
  /** Where the reward model's head is loaded from. */
  head?: WireSource | undefined;
}
