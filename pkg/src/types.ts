import type { Ranking } from "./statistics.js";

/** A message of a conversation, rendered through the model's own chat template. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  /** Always plain text: markers such as `<|im_end|>` in it stay text and cannot end the turn. */
  content: string;
}

/** A model by address, with what its file may not say of itself. */
export interface ModelRef {
  /**
   * Where the GGUF file lies. A relative address is resolved against the page. Of a file that is split, the first part
   * (`…-00001-of-0000N.gguf`): the others are found by name beside it.
   */
  url: string | URL;
  /**
   * Size in bytes, of all parts together: for plans and progress until the server tells it. Beside a `sha256` it is a
   * promise, and a file of another size is refused at once.
   */
  bytes?: number;
  /** SHA-256 of the file in hexadecimal digits, or one for each part. What has another is refused. */
  sha256?: string | string[];
  /** Licence shown in {@link ModelInfo.license} when the file names none. */
  license?: string;
  /** Where the licence can be read. */
  licenseUrl?: string;
  /** What people call the model. */
  name?: string;
  /** The built-in prompt template that the model was trained on. */
  template?: BuiltInTemplate;
}

/** A prompt template of this package. */
export type BuiltInTemplate = "selene" | "rubric-first";

/** A named model of {@link Models.catalogue}: what is known of it before a byte is fetched. */
export interface CatalogueEntry extends ModelRef {
  /** What {@link Judge.load} takes. */
  id: string;
  name: string;
  /** A sentence for people who choose. */
  description: string;
  /** The repository that publishes the file. */
  repository: string;
  file: string;
  /** Size in bytes; rounded, where no `sha256` stands beside it. */
  bytes: number;
  /** The main block format, as `"Q4_K_M"`. */
  quantization: string;
  /** GGUF architecture, as `"llama"`. */
  architecture: string;
  /** Number of weights. */
  parameters: number;
  /** Tokens that the model was trained for. */
  contextLength: number;
  license: string;
  /** Languages that the model's card names, as BCP 47 tags. */
  languages: string[];
  template: BuiltInTemplate;
  /** What else one should know. */
  note?: string;
}

/**
 * Whatever a model can be loaded from: a name of the catalogue or an address, files that the user picked (an array: the
 * parts of a split file, in order), or the bytes of a GGUF file.
 */
export type ModelSource = string | URL | File | Blob | ArrayBuffer | ModelRef | readonly (File | Blob)[];

/**
 * Where the arithmetic runs. `webgpu` insists on WebGPU, `wasm` on SIMD WebAssembly; `auto` takes WebGPU on a
 * hardware adapter, else wasm.
 */
export type Backend = "auto" | "webgpu" | "wasm";

/**
 * An optional capability of a GPU that can be left unused, to test or to work around a driver. `"dp4a"`: products of packed
 * bytes, for large matrices on adapters by NVIDIA, AMD and Intel; activations are rounded to 16 bits for them.
 */
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
   * calling thread, for places without workers. A function starts the worker itself, as a module, from the script that
   * `lunette/worker` names: for pages under Trusted Types, and for packages that lie on another origin.
   */
  worker?: boolean | (() => Worker);
  /**
   * Default `true`: a model that is fetched is kept in this origin's storage (in Node: in a folder), so that the next load
   * needs no network. `false` neither reads nor writes there.
   */
  cache?: boolean;
  /** SHA-256 that the file must have, in hexadecimal digits. Of a split file, see {@link ModelRef.sha256}. */
  sha256?: string;
  /** Called as the load goes on, at most some twenty times a second. */
  onProgress?: (progress: Progress) => void;
  /** Called when the GPU was lost, and again with what came of it. */
  onRecovery?: (event: Recovery) => void;
  /** Stops the load; the promise rejects with code `"aborted"`. */
  signal?: AbortSignal;
}

/** How far a load has come. */
export interface Progress {
  /**
   * `wait`: another tab is fetching the same model; `download`: bytes from the network; `verify`: the rest is hashed;
   * `upload`: bytes from the cache or a file to where they are computed with; `compile`: shaders and pipelines; `ready`.
   */
  phase: "wait" | "download" | "verify" | "upload" | "compile" | "ready";
  /** Bytes; in `compile`, steps. */
  loaded: number;
  /** What `loaded` will reach, where it is known. */
  total?: number;
  /** Bytes per second, smoothed. */
  rate?: number;
  /** Milliseconds that the phase will still take at this rate. */
  etaMs?: number;
  /** What the user should know: that nothing is kept, and why; that the connection broke, and when it is tried again. */
  note?: string;
}

/** A lost GPU, and what came of it. */
export interface Recovery {
  /** `lost`: calls wait; `recovered`: they go on where they stood; `fallback`: they go on, on the wasm backend. */
  phase: "lost" | "recovered" | "fallback";
  /** What the driver or the browser said. */
  reason: string;
  /** How often the GPU was lost since the model was loaded. */
  losses: number;
  /** Where calls run from now on. */
  backend: "webgpu" | "wasm";
}

/** What a model takes and whether this machine can give it, from the file's header alone. */
export interface LoadPlan {
  model: {
    name: string;
    architecture: string;
    quantization: string;
    parameters: number;
    /** Tokens that the model was trained for. */
    contextLength: number;
    license?: string;
    /** Size of the file, of all parts together. */
    bytes: number;
    parts: number;
  };
  /** The backend that a load would take. */
  backend: "webgpu" | "wasm";
  /** The adapter's name; on the wasm backend, the processor's. */
  adapter: string;
  /** Tokens that the plan is for. */
  contextLength: number;
  maxBatch: number;
  /** Bytes on the GPU, or in the wasm heap. */
  memory: { weights: number; kvCache: number; scratch: number; total: number };
  /** What the adapter allows; `heapBytes`: what a wasm heap can hold. */
  limits: { bufferBytes: number; bindingBytes: number; heapBytes?: number };
  /** Bytes still to fetch, and bytes that are here already. */
  download: { bytes: number; cached: number };
  /** Where fetched models are kept; `available: false` where this browser has no such place. Sizes in bytes. */
  storage: { available: boolean; quota?: number; usage?: number; free?: number; persisted?: boolean };
  verdict: "fits" | "fits-with-smaller-context" | "does-not-fit";
  /** With `fits-with-smaller-context`: the largest that fits. */
  fittingContextLength?: number;
  /** Sentences for people, with the arithmetic. */
  reasons: string[];
}

/** A model in the cache. */
export interface CachedModel {
  /** What {@link Models.delete} and {@link Models.export} take; they take its name and its address too. */
  id: string;
  name: string;
  /** Where it came from, without what signs the address. Loading this address reads the cache. */
  url: string;
  /** Bytes that are here. */
  bytes: number;
  /** Bytes of the whole, where known. */
  total?: number;
  /** Whether the whole is here and its hash was right. */
  complete: boolean;
  /** SHA-256 of the file; of a split file, of its first part. */
  sha256?: string;
  /** What the hash was compared with: one that the caller gave, one that the host announced, or nothing but itself. */
  verified?: "pinned" | "host" | "recorded";
  /** When it was last loaded, in milliseconds since 1970. */
  lastUsed: number;
  license?: string;
}

/** Storage of this origin, in bytes. */
export interface StorageUsage {
  /** Used by everything of this origin. */
  usage: number;
  quota: number;
  /** Whether the browser may not clear it when space runs low. */
  persisted: boolean;
  /** Used by models. */
  models: number;
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

/** One response to be scored under several rubrics. */
export interface ScoreManyTask extends Omit<ScoreTask, "rubric"> {
  rubrics: ScoreRubric[];
}

/** What a response is classified by. */
export interface ClassRubric {
  /** The question that the judge answers, as "Is every claim supported by the context?". */
  objective: string;
  /** What each label means, 2 to 20 of them: `{ Yes: "…", No: "…" }` is what judges are trained on. */
  labels: Record<string, string>;
}

/** One response to be classified. */
export interface ClassifyTask extends Omit<ScoreTask, "rubric"> {
  rubric: ClassRubric;
}

/** One response to be classified under several rubrics. */
export interface ClassifyManyTask extends Omit<ScoreTask, "rubric"> {
  rubrics: ClassRubric[];
}

/** Two responses to the same input. */
export interface CompareTask {
  /** The instruction that was answered. */
  input: string;
  responseA: string;
  responseB: string;
  /** What makes a response the better one, as "Which response is more faithful to the context?". */
  criteria: string;
  /** An answer without fault. */
  reference?: string;
  /** Passages that the responses should rest on. */
  context?: string | string[];
}

/** Several responses to the same input, to be ranked. */
export interface RankTask {
  /** The instruction that was answered. */
  input: string;
  /** At least two. */
  responses: string[];
  /** What makes a response the better one. */
  criteria: string;
  /** An answer without fault. */
  reference?: string;
  /** Passages that the responses should rest on. */
  context?: string | string[];
  /**
   * Who is compared with whom: `"all"` pairs, which is the default, or `"swiss"` rounds, in which responses of similar
   * strength meet; n responses then take some n·log₂n / 2 comparisons in place of n·(n − 1) / 2.
   */
  schedule?: "all" | "swiss";
  /** Rounds of a Swiss schedule. Default: as many as most likely find the best. */
  rounds?: number;
}

/**
 * A prompt as data: a text with placeholders such as `{user_input}`, and the markers of the answer that it asks for.
 * `{#reference_response}…{/reference_response}` is kept only where the task has a reference. The placeholders are
 * listed in docs/guides/templates.md.
 */
export interface Template {
  userTemplate: string;
  /** Becomes a system message. */
  systemTemplate?: string;
  /** What a reply begins with. Default `"**Reasoning:**"`. */
  reasoningMarker?: string;
  /** What the verdict follows. Default `"**Result:**"`. */
  resultMarker?: string;
  /** Whether the rubric stands before or after what is judged; checked against the text. */
  rubric?: "first" | "last";
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
  /**
   * Critiques written independently of each other, each with its own verdict, which then vote (self-consistency).
   * Default 1; more need a `temperature` above 0.
   */
  samples?: number;
  /**
   * Orders in which the rubric's levels or labels are listed, against a judge's preference for what comes first or
   * last: as given, reversed, then random ones. The distribution is their mean. Default 1. Not for comparisons.
   */
  rubricOrders?: number;
  /**
   * The prompt: `"selene"` (the default: the rubric last, so that rubrics over one response share their prompt),
   * `"rubric-first"` (so that responses under one rubric do), one of your own as YAML text, or as an object.
   */
  template?: BuiltInTemplate | (string & {}) | Template;
  /**
   * What to cut at its end when the task is too long for the model: of two responses, the longer one first. Default:
   * nothing is cut, and the call rejects with `context-overflow`.
   */
  truncate?: "response" | "context";
  /**
   * Called with each new piece of the critique. `index` is the number of the rubric in `scoreMany` and `classifyMany`,
   * else 0. Where a verdict has several readings, the first is heard.
   */
  onToken?: (text: string, index: number) => void;
  /** Stops the call; the promise rejects with code `"aborted"` and the judge stays usable. */
  signal?: AbortSignal;
}

/** How two responses are compared. */
export interface CompareOptions extends Omit<JudgeOptions, "rubricOrders"> {
  /** Judge both orders of the responses, against a judge's preference for the first or the second. Default `true`. */
  bothOrders?: boolean;
  /** Call it a tie when the two orders name different winners. Default `false`: the more probable response wins. */
  ties?: boolean;
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

/** What every verdict carries. */
export interface VerdictBase {
  /** Probability of everything that is no score or label of the rubric. */
  outside: number;
  /** The reasoning; `null` when it was not asked for. */
  critique: string | null;
  /** Tokens that were cut off the task's texts, where {@link JudgeOptions.truncate} allowed it. */
  truncatedTokens?: number;
  usage: Usage;
  timing: Timing;
}

/** The judge's answer, with what it was computed from. */
export interface ScoreVerdict extends VerdictBase {
  /** The likeliest score of the scale; of several readings, the one that most of them chose. */
  score: number;
  /** Σ p·score, with p normalized over the scale. */
  expected: number;
  /** `expected` on the scale of people: only of a judge from {@link Judge.withCalibration}. */
  calibrated?: number;
  /** Probability of each score, over the whole vocabulary: with `outside` it sums to 1. Keys are the scores. */
  distribution: Record<string, number>;
  /** How far the readings agree, where `samples` or `rubricOrders` asked for several. */
  reliability?: Reliability;
}

/** The judge's answer, with what it was computed from. */
export interface ClassVerdict extends VerdictBase {
  /** The likeliest label; of several readings, the one that most of them chose. */
  label: string;
  /** Probability of each label, over the whole vocabulary: with `outside` it sums to 1. */
  distribution: Record<string, number>;
  /** How far the readings agree, where `samples` or `rubricOrders` asked for several. */
  reliability?: Reliability;
}

/** How far several readings of one task agree. */
export interface Reliability {
  /** How many readings chose each score or label. */
  votes: Record<string, number>;
  /** Entropy of the votes in bits: 0 where all agree. */
  entropy: number;
  /** Each reading by itself. */
  readings: { vote: string; distribution: Record<string, number>; outside: number; critique: string | null }[];
}

/** Which of two responses is better, with what it was computed from. */
export interface PreferenceVerdict extends VerdictBase {
  /**
   * `"tie"` where the orders disagree and {@link CompareOptions.ties} allows it, or where both responses have exactly
   * the same probability, as two equal texts have.
   */
  winner: "a" | "b" | "tie";
  /** Probability that A is the better one, out of A and B; the mean over both orders. */
  probabilityA: number;
  /** Whether both orders name the same winner; `null` where only one was judged. */
  consistent: boolean | null;
  /** The order given, then the reverse. */
  orders: OrderVerdict[];
}

/** Responses by strength, with the comparisons that it was computed from. The players are the responses. */
export interface RankVerdict extends Ranking {
  comparisons: Comparison[];
  /** Share of comparisons whose two orders name the same winner; `null` where only one order was judged. */
  consistency: number | null;
  usage: Usage;
  timing: Timing;
}

/** The verdict on two of several responses, `a` and `b` by their numbers. */
export interface Comparison {
  a: number;
  b: number;
  winner: "a" | "b" | "tie";
  probabilityA: number;
  consistent: boolean | null;
  critique: string | null;
}

/** The verdict on one order of the responses. */
export interface OrderVerdict {
  /** Which response stood first, and is called "Response A" in the critique. */
  first: "a" | "b";
  winner: "a" | "b" | "tie";
  probabilityA: number;
  outside: number;
  critique: string | null;
  reliability?: Reliability;
}

/**
 * What a generated text must be, from its first character to its last. Exactly one of these, at most 64 KiB as text.
 *
 * The model is not told of it: ask for the same form in the prompt, or it will be forced into words that it did not mean.
 */
export type Constraint =
  /**
   * JSON that this schema describes (draft 2020-12; a keyword that cannot be enforced is an error). Between tokens of the
   * JSON there is at most a space or a line break with its indentation.
   */
  | { jsonSchema: object }
  /** A text that matches from end to end: Rust's `regex` syntax, without look-around and back references. */
  | { regex: string }
  /** A context-free grammar in the Lark dialect of llguidance; the rule `start` is the whole text. */
  | { grammar: string };

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
  /** What the text must be. It is complete when {@link Generation.finishReason} is `"stop"` and no `stop` text cut it. */
  constraint?: Constraint;
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
  /** Natural logarithm of each token's probability, `[tokens.length]`, before temperature, truncation and constraint. */
  logprobs?: Float32Array;
  /** For each generated token those that were likeliest in its place, likeliest first, before temperature and truncation. */
  topLogprobs?: TokenLogprob[][];
  /**
   * `stop`: the model ended its turn, a stop text came, or the constraint left nothing to add; `length`: `maxTokens` or the
   * context was reached, so that a constrained text may be cut anywhere.
   */
  finishReason: "stop" | "length";
  usage: Usage;
  timing: Timing;
}

/** What every long call accepts. */
export interface CallOptions {
  /** Stops the call; the promise rejects with code `"aborted"` and the engine stays usable. */
  signal?: AbortSignal;
}
