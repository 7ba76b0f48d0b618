// Pins the public types: checked by the compiler, never run.
import { expectTypeOf } from "vitest";
import type * as lunette from "../src/index.js";
import type { Engine, Judge, LunetteError, Panel } from "../src/index.js";
import type * as node from "../src/node/index.js";

type Model =
  | string
  | URL
  | File
  | Blob
  | ArrayBuffer
  | FileSystemFileHandle
  | lunette.ModelRef
  | readonly (File | Blob | FileSystemFileHandle)[];

expectTypeOf<typeof Judge.load>().toEqualTypeOf<(model: Model, options?: lunette.LoadOptions) => Promise<Judge>>();
expectTypeOf<Judge["score"]>().toEqualTypeOf<
  (task: lunette.ScoreTask, options?: lunette.JudgeOptions) => Promise<lunette.ScoreVerdict>
>();
expectTypeOf<Judge["engine"]>().toEqualTypeOf<Engine>();
expectTypeOf<Judge["info"]>().toEqualTypeOf<lunette.ModelInfo>();
expectTypeOf<Judge["dispose"]>().toEqualTypeOf<() => Promise<void>>();
expectTypeOf<Judge["scoreMany"]>().toEqualTypeOf<
  (task: lunette.ScoreManyTask, options?: lunette.JudgeOptions) => Promise<lunette.ScoreVerdict[]>
>();
expectTypeOf<Judge["classify"]>().toEqualTypeOf<
  (task: lunette.ClassifyTask, options?: lunette.JudgeOptions) => Promise<lunette.ClassVerdict>
>();
expectTypeOf<Judge["classifyMany"]>().toEqualTypeOf<
  (task: lunette.ClassifyManyTask, options?: lunette.JudgeOptions) => Promise<lunette.ClassVerdict[]>
>();
expectTypeOf<Judge["compare"]>().toEqualTypeOf<
  (task: lunette.CompareTask, options?: lunette.CompareOptions) => Promise<lunette.PreferenceVerdict>
>();
expectTypeOf<Judge["rank"]>().toEqualTypeOf<
  (task: lunette.RankTask, options?: lunette.CompareOptions) => Promise<lunette.RankVerdict>
>();
expectTypeOf<lunette.RankVerdict>().toExtend<lunette.Ranking>();
expectTypeOf<Judge["evaluate"]>().toEqualTypeOf<
  (
    rows: Iterable<lunette.Row | lunette.BadRow> | AsyncIterable<lunette.Row | lunette.BadRow>,
    spec: lunette.EvaluationSpec,
    options?: lunette.JudgeOptions & lunette.CompareOptions,
  ) => AsyncGenerator<lunette.RowVerdict, void, undefined>
>();
expectTypeOf<typeof lunette.openRows>().toEqualTypeOf<
  (file: Blob | FileSystemFileHandle | URL | string, options?: lunette.RowOptions) => Promise<lunette.RowFile>
>();
type Results = Iterable<lunette.RowVerdict> | AsyncIterable<lunette.RowVerdict>;
type Asked = Pick<lunette.EvaluationSpec, "task" | "rubrics">;
expectTypeOf<typeof lunette.report>().toEqualTypeOf<
  (results: Results, spec: Asked, options?: lunette.ReportOptions) => Promise<lunette.Report>
>();
expectTypeOf<typeof lunette.compareRuns>().toEqualTypeOf<
  (first: Results, second: Results, spec: Asked, options?: lunette.ReportOptions) => Promise<lunette.Paired>
>();
expectTypeOf<typeof lunette.renderReport>().toEqualTypeOf<
  (report: lunette.Report, as: lunette.ReportForm) => Promise<string>
>();
expectTypeOf<typeof lunette.indexedDbJournal>().toEqualTypeOf<(name: string) => lunette.Journal>();
expectTypeOf<Judge["reward"]>().toEqualTypeOf<
  (task: lunette.RewardTask, options?: lunette.RewardOptions) => Promise<lunette.RewardVerdict>
>();
expectTypeOf<Judge["rerank"]>().toEqualTypeOf<
  (task: lunette.RewardManyTask, options?: lunette.RewardOptions) => Promise<lunette.Reranking>
>();
expectTypeOf<Judge["filter"]>().toEqualTypeOf<
  (task: lunette.RewardManyTask, options?: lunette.RewardOptions) => Promise<lunette.Filtering>
>();
expectTypeOf<Judge["goalFrom"]>().toEqualTypeOf<
  (examples: lunette.RewardTask[], options?: lunette.CallOptions) => Promise<Float32Array>
>();
expectTypeOf<lunette.RewardOptions>().toEqualTypeOf<{
  goal?: string | Record<string, number> | Float32Array | readonly number[];
  threshold?: number;
  ignore?: number;
  signal?: AbortSignal;
}>();
expectTypeOf<keyof Judge>().toEqualTypeOf<
  | "reward"
  | "rerank"
  | "filter"
  | "goalFrom"
  | "score"
  | "scoreMany"
  | "classify"
  | "classifyMany"
  | "compare"
  | "rank"
  | "evaluate"
  | "withCalibration"
  | "engine"
  | "info"
  | "dispose"
>();

expectTypeOf<Judge["withCalibration"]>().toEqualTypeOf<(map: lunette.CalibrationMap) => Judge>();

expectTypeOf<typeof Panel.of>().toEqualTypeOf<(judges: readonly Judge[]) => Panel>();
expectTypeOf<Panel["score"]>().toEqualTypeOf<
  (task: lunette.ScoreTask, options?: lunette.JudgeOptions) => Promise<lunette.PanelScoreVerdict>
>();
expectTypeOf<Panel["classify"]>().toEqualTypeOf<
  (task: lunette.ClassifyTask, options?: lunette.JudgeOptions) => Promise<lunette.PanelClassVerdict>
>();
expectTypeOf<Panel["compare"]>().toEqualTypeOf<
  (task: lunette.CompareTask, options?: lunette.CompareOptions) => Promise<lunette.PanelPreferenceVerdict>
>();
expectTypeOf<keyof Panel>().toEqualTypeOf<"judges" | "score" | "classify" | "compare">();
expectTypeOf<lunette.PanelScoreVerdict["verdicts"]>().toEqualTypeOf<lunette.ScoreVerdict[]>();

expectTypeOf<typeof lunette.rankResults>().toEqualTypeOf<
  (results: readonly lunette.PairwiseResult[], options?: lunette.RankOptions) => Promise<lunette.Ranking>
>();
// A verdict has a winner and a probability. The caller must choose one of them.
expectTypeOf<lunette.PreferenceVerdict & { a: number; b: number }>().not.toExtend<lunette.PairwiseResult>();
expectTypeOf<typeof lunette.fitCalibration>().toEqualTypeOf<
  (
    verdicts: readonly (number | { expected: number })[],
    humanLabels: readonly number[],
    options?: lunette.CalibrationOptions,
  ) => Promise<lunette.CalibrationFit>
>();
expectTypeOf<lunette.ScoreVerdict>().toExtend<Parameters<typeof lunette.fitCalibration>[0][number]>();

expectTypeOf<typeof Engine.load>().toEqualTypeOf<(model: Model, options?: lunette.LoadOptions) => Promise<Engine>>();
expectTypeOf<Engine["tokenize"]>().toEqualTypeOf<
  (text: string, options?: { special?: boolean }) => Promise<Uint32Array>
>();
expectTypeOf<Engine["detokenize"]>().toEqualTypeOf<(tokens: Uint32Array) => Promise<string>>();
expectTypeOf<Engine["states"]>().toEqualTypeOf<
  (tokens: Uint32Array, options?: lunette.StatesOptions) => Promise<Float32Array>
>();
expectTypeOf<Engine["logits"]>().toEqualTypeOf<
  (tokens: Uint32Array, options?: lunette.ReadOptions) => Promise<Float32Array>
>();
expectTypeOf<Engine["logprobs"]>().toEqualTypeOf<
  (tokens: Uint32Array, options?: lunette.ReadOptions) => Promise<Float32Array>
>();
expectTypeOf<Engine["generate"]>().toEqualTypeOf<
  (
    prompt: string | Uint32Array | lunette.ChatMessage[],
    options?: lunette.GenerateOptions,
  ) => Promise<lunette.Generation>
>();
expectTypeOf<keyof Engine>().toEqualTypeOf<
  "tokenize" | "detokenize" | "chatPrompt" | "logits" | "logprobs" | "states" | "generate" | "info" | "dispose"
>();

expectTypeOf<lunette.LoadOptions>().toEqualTypeOf<{
  backend?: "auto" | "webgpu" | "wasm";
  disable?: ("subgroups" | "f16" | "dp4a")[];
  contextLength?: number;
  maxBatch?: number;
  threads?: number;
  chatTemplate?: string;
  date?: string;
  adapters?: readonly lunette.ModelSource[];
  head?: lunette.ModelSource;
  worker?: boolean | (() => Worker);
  cache?: boolean;
  sha256?: string;
  onProgress?: (progress: lunette.Progress) => void;
  onRecovery?: (event: lunette.Recovery) => void;
  signal?: AbortSignal;
}>();
expectTypeOf<lunette.ScoreTask>().toEqualTypeOf<{
  input: string;
  response: string;
  reference?: string;
  context?: string | string[];
  rubric: lunette.ScoreRubric;
}>();
expectTypeOf<lunette.ScoreRubric>().toEqualTypeOf<{ objective: string; scale: Record<number, string> }>();
expectTypeOf<lunette.JudgeOptions>().toEqualTypeOf<{
  critique?: boolean;
  maxTokens?: number;
  adapter?: string | null | { name: string; scale?: number };
  temperature?: number;
  seed?: number;
  samples?: number;
  rubricOrders?: number;
  template?: "selene" | "rubric-first" | (string & {}) | lunette.Template;
  defences?: ("mark" | "remind")[];
  truncate?: "response" | "context";
  thinking?: "off" | "auto" | { maxTokens: number };
  onToken?: (text: string, place: { part: "thinking" | "critique"; index: number }) => void;
  signal?: AbortSignal;
}>();
expectTypeOf<lunette.ScoreVerdict>().toEqualTypeOf<{
  score: number;
  expected: number;
  calibrated?: number;
  distribution: Record<string, number>;
  outside: number;
  thinking?: string;
  critique: string | null;
  usage: { promptTokens: number; cachedTokens: number; completionTokens: number };
  reliability?: lunette.Reliability;
  warnings?: ("imitates-template" | "hidden-text")[];
  truncatedTokens?: number;
  timing: { prefillMs: number; decodeMs: number; totalMs: number };
}>();
expectTypeOf<lunette.PreferenceVerdict["winner"]>().toEqualTypeOf<"a" | "b" | "tie">();
expectTypeOf<lunette.PreferenceVerdict["orders"]>().toEqualTypeOf<lunette.OrderVerdict[]>();
expectTypeOf<lunette.ClassVerdict["label"]>().toEqualTypeOf<string>();
expectTypeOf<Engine["chatPrompt"]>().toEqualTypeOf<
  (messages: lunette.ChatMessage[]) => Promise<{ text: string; tokens: Uint32Array; special: Uint32Array }>
>();
expectTypeOf<lunette.GenerateOptions>().toEqualTypeOf<{
  maxTokens?: number;
  adapter?: string | null | { name: string; scale?: number };
  temperature?: number;
  topK?: number;
  topP?: number;
  minP?: number;
  seed?: number;
  stop?: string[];
  logprobs?: boolean;
  topLogprobs?: number;
  constraint?: { jsonSchema: object } | { regex: string } | { grammar: string };
  guide?: lunette.Guide;
  onToken?: (text: string) => void;
  signal?: AbortSignal;
}>();
expectTypeOf<LunetteError["code"]>().toEqualTypeOf<lunette.ErrorCode>();

// Sources and plans of models.
expectTypeOf<typeof lunette.planLoad>().toEqualTypeOf<
  (model: Model, options?: lunette.LoadOptions) => Promise<lunette.LoadPlan>
>();
expectTypeOf<lunette.LoadPlan["verdict"]>().toEqualTypeOf<"fits" | "fits-with-smaller-context" | "does-not-fit">();
expectTypeOf<lunette.LoadPlan["memory"]>().toEqualTypeOf<{
  weights: number;
  kvCache: number;
  scratch: number;
  total: number;
}>();
expectTypeOf<lunette.Progress>().toEqualTypeOf<{
  phase: "wait" | "download" | "verify" | "upload" | "compile" | "ready";
  loaded: number;
  total?: number;
  rate?: number;
  etaMs?: number;
  note?: string;
}>();
expectTypeOf<lunette.Recovery>().toEqualTypeOf<{
  phase: "lost" | "recovered" | "fallback";
  reason: string;
  losses: number;
  backend: "webgpu" | "wasm";
}>();
expectTypeOf<typeof lunette.Models>().toEqualTypeOf<{
  catalogue(): lunette.CatalogueEntry[];
  register(id: string, ref: lunette.ModelRef | lunette.CatalogueEntry): void;
  list(): Promise<lunette.CachedModel[]>;
  usage(): Promise<lunette.StorageUsage>;
  delete(id: string): Promise<void>;
  import(file: Blob, ref?: lunette.ModelRef): Promise<lunette.CachedModel>;
  export(id: string): Promise<Blob>;
  persist(): Promise<boolean>;
}>();
expectTypeOf<lunette.CachedModel["verified"]>().toEqualTypeOf<"pinned" | "host" | "recorded" | undefined>();

// Exports that only Node has, beside all others.
expectTypeOf<typeof node.setDawnFlags>().toEqualTypeOf<(flags: readonly string[]) => void>();
expectTypeOf<typeof node.fileJournal>().toEqualTypeOf<(path: string) => node.FileJournal>();
expectTypeOf<Omit<typeof node, "fileJournal" | "setDawnFlags">>().toEqualTypeOf<typeof lunette>();
