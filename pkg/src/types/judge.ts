import type { Ranking } from "./statistics.js";
import type { AdapterChoice } from "./adapter.js";
import type { Timing, Usage } from "./generate.js";

/** A rubric for a score. */
export interface ScoreRubric {
  /** The question that the judge answers, as "Is the explanation correct and complete?". */
  objective: string;
  /**
   * The meaning of each score, at least two: `{ 0: "…", 0.5: "…", 1: "…" }`, any numbers. Judges are trained on
   * `{ 1: "…", 2: "…", 3: "…", 4: "…", 5: "…" }`.
   */
  scale: Record<number, string>;
}

/** One response to score. All texts are data: nothing in them can end a turn or pose as the judge's answer. */
export interface ScoreTask {
  /** The instruction that was answered. */
  input: string;
  /** The answer that is judged. */
  response: string;
  /** An answer that would earn the highest score. */
  reference?: string;
  /** Passages that the response should be based on. */
  context?: string | string[];
  rubric: ScoreRubric;
}

/** One response to score under several rubrics. */
export interface ScoreManyTask extends Omit<ScoreTask, "rubric"> {
  rubrics: ScoreRubric[];
}

/** A rubric for a classification. */
export interface ClassRubric {
  /** The question that the judge answers, as "Is every claim supported by the context?". */
  objective: string;
  /** The meaning of each label, 2 to 20 of them. Judges are trained on `{ Yes: "…", No: "…" }`. */
  labels: Record<string, string>;
}

/** One response to classify. */
export interface ClassifyTask extends Omit<ScoreTask, "rubric"> {
  rubric: ClassRubric;
}

/** One response to classify under several rubrics. */
export interface ClassifyManyTask extends Omit<ScoreTask, "rubric"> {
  rubrics: ClassRubric[];
}

/** Two responses to the same input. */
export interface CompareTask {
  /** The instruction that was answered. */
  input: string;
  responseA: string;
  responseB: string;
  /** What makes a response better, as "Which response is more faithful to the context?". */
  criteria: string;
  /** A perfect answer. */
  reference?: string;
  /** Passages that the responses should be based on. */
  context?: string | string[];
}

/** Several responses to the same input, to rank. */
export interface RankTask {
  /** The instruction that was answered. */
  input: string;
  /** At least two. */
  responses: string[];
  /** What makes a response better. */
  criteria: string;
  /** A perfect answer. */
  reference?: string;
  /** Passages that the responses should be based on. */
  context?: string | string[];
  /**
   * The pairs to compare: `"all"` pairs (the default), or `"swiss"` rounds that pair responses of similar strength. n responses
   * then take about n·log₂n / 2 comparisons instead of n·(n − 1) / 2.
   */
  schedule?: "all" | "swiss";
  /** Rounds of a Swiss schedule. Default: enough to find the best response in most cases. */
  rounds?: number;
}

/** A prompt template of this package. */
export type BuiltInTemplate = "selene" | "rubric-first";

/**
 * A prompt as data: a text with placeholders such as `{user_input}`, and the markers of the answer that it asks for. Text in
 * `{#reference_response}…{/reference_response}` is only kept for tasks with a reference. docs/guides/templates.md lists the
 * placeholders.
 */
export interface Template {
  userTemplate: string;
  /** Becomes a system message. */
  systemTemplate?: string;
  /** The text before the critique. Default `"**Reasoning:**"`. */
  reasoningMarker?: string;
  /** The text before the verdict. Default `"**Result:**"`. */
  resultMarker?: string;
  /**
   * What a thought before the reply begins and ends with, as `{ open: "<think>", close: "</think>" }`. For judges that think
   * because the prompt asks for it. What the model's own chat template shows of thoughts needs no entry here.
   */
  thinking?: { open: string; close: string };
  /** Whether the rubric comes before or after the task's texts. Checked against `userTemplate`. */
  rubric?: "first" | "last";
}

/** Whether a judge thinks before it answers: {@link JudgeOptions.thinking}. */
export type Thinking = "off" | "auto" | { maxTokens: number };

/** What a piece of streamed text belongs to. */
export interface TokenPlace {
  /** A thought comes first, then the critique. */
  part: "thinking" | "critique";
  /** The number of the rubric in `scoreMany` and `classifyMany`, of the comparison in `rank`, of the judge in a panel; else 0. */
  index: number;
}

/** How a verdict is reached. */
export interface JudgeOptions {
  /** Write a critique before the verdict. Default `true`. `false` reads the verdict from one forward pass. */
  critique?: boolean;
  /** Limit of the critique's tokens. The verdict is read in any case. Default 512. */
  maxTokens?: number;
  /**
   * Whether a model that can think does so before its critique. The verdict is always read behind the thought.
   *
   * - `"off"`: a thought that the chat template opens is closed at once, as the model's own switch does.
   * - `"auto"` (the default): thinks, for at most 1024 tokens, where the chat template opens a thought in every prompt (as
   *   DeepSeek R1's) or the judge's template has marks for one. Models with a switch (as Qwen 3) do not think, and nothing does
   *   with `critique: false`.
   * - `{ maxTokens }`: thinks, with or without a critique. A thought that does not end by itself is closed at this limit. Rejects
   *   with `invalid-argument` where neither template shows how a thought begins.
   */
  thinking?: Thinking;
  /** The LoRA adapter to judge with, of those that the model was loaded with. Default: the first of them. */
  adapter?: AdapterChoice;
  /** Default 0: greedy, always the likeliest token. */
  temperature?: number;
  /** Seed of the sampler, for a `temperature` above 0. */
  seed?: number;
  /**
   * Independent critiques (with `critique: false`: thoughts), each with a verdict, which then vote (self-consistency). Default
   * 1. More need a `temperature` above 0.
   */
  samples?: number;
  /**
   * Orders in which the prompt lists the rubric's levels or labels, against position bias: as given, reversed, then random. The
   * distribution is their mean. Default 1. Not for comparisons.
   */
  rubricOrders?: number;
  /**
   * The prompt template: `"selene"` (the default; the rubric comes last, so several rubrics for one response share a prefix),
   * `"rubric-first"` (so several responses under one rubric share a prefix), or your own, as YAML text or as an object.
   */
  template?: BuiltInTemplate | (string & {}) | Template;
  /**
   * Defences against responses that are out for a better verdict, for any template: `"mark"` begins each line of responses and
   * passages with a bar, so that none looks like a line of the prompt; `"remind"` says behind all texts that only the rubric counts.
   * Default none. The probe `attacks` of `lunette evaluate` measures what they gain and cost.
   */
  defences?: ("mark" | "remind")[];
  /**
   * The text to cut at its end when the task is too long for the model. Of two responses, the longer one is cut first. Default:
   * cut nothing, and reject with `context-overflow`.
   */
  truncate?: "response" | "context";
  /**
   * Called with each new piece of a thought or critique. Where a verdict has several readings, only the first is streamed.
   */
  onToken?: (text: string, place: TokenPlace) => void;
  /** Cancels the call. Its promise rejects with code `"aborted"`, and the judge stays usable. */
  signal?: AbortSignal;
}

/** How two responses are compared. */
export interface CompareOptions extends Omit<JudgeOptions, "rubricOrders"> {
  /**
   * `"pairwise"`: both responses in one prompt, in both orders. `"pointwise"`: each response is classified alone as good or poor
   * by the criteria, and p(A) comes from the difference of their log odds, so that no response stands first; some small judges
   * compare better so. Default: what its entry in the catalogue names, else what the adapter was trained for, else `"pairwise"`.
   */
  method?: "pairwise" | "pointwise";
  /** Judge both orders of the responses, against position bias. Default `true`. */
  bothOrders?: boolean;
  /** Give a tie when the two orders disagree. Default `false`: the more probable response wins. */
  ties?: boolean;
}

/** What all verdicts have. */
export interface VerdictBase {
  /** Probability of all text other than the rubric's scores or labels. */
  outside: number;
  /** What the judge thought before the critique, where it did: {@link JudgeOptions.thinking}. */
  thinking?: string;
  /** The critique; `null` when none was asked for. */
  critique: string | null;
  /**
   * What to know about the texts that were judged; left out where there is nothing. `"imitates-template"`: a response or a passage
   * has a line that begins as a section of the prompt or as the judge's answer does. `"hidden-text"`: one has characters that are
   * not shown, as zero-width spaces and tags. Such texts may be out for a better verdict, or speak of prompts in good faith.
   */
  warnings?: ("imitates-template" | "hidden-text")[];
  /** Tokens that {@link JudgeOptions.truncate} cut off the task's texts. */
  truncatedTokens?: number;
  usage: Usage;
  timing: Timing;
}

/** A score, with the data that it comes from. */
export interface ScoreVerdict extends VerdictBase {
  /** The likeliest score. Of several readings, the one with the most votes. */
  score: number;
  /** Σ p·score, with p normalized over the scale. */
  expected: number;
  /** `expected` on the human scale. Only from a judge with a calibration: {@link Judge.withCalibration}. */
  calibrated?: number;
  /** Probability of each score, over the full vocabulary: together with `outside` they sum to 1. Keys are the scores. */
  distribution: Record<string, number>;
  /** Agreement of the readings, where `samples` or `rubricOrders` asked for several. */
  reliability?: Reliability;
}

/** A label, with the data that it comes from. */
export interface ClassVerdict extends VerdictBase {
  /** The likeliest label. Of several readings, the one with the most votes. */
  label: string;
  /** Probability of each label, over the full vocabulary: together with `outside` they sum to 1. */
  distribution: Record<string, number>;
  /** Agreement of the readings, where `samples` or `rubricOrders` asked for several. */
  reliability?: Reliability;
}

/** Agreement of several readings of one task. */
export interface Reliability {
  /** Number of readings that chose each score or label. */
  votes: Record<string, number>;
  /** Entropy of the votes in bits: 0 where all agree. */
  entropy: number;
  /** Each reading. */
  readings: {
    vote: string;
    distribution: Record<string, number>;
    outside: number;
    thinking?: string;
    critique: string | null;
  }[];
}

/** A preference between two responses, with the data that it comes from. */
export interface PreferenceVerdict extends VerdictBase {
  /** How the responses were compared: {@link CompareOptions.method}. */
  method: "pairwise" | "pointwise";
  /**
   * `"tie"` where the orders disagree and {@link CompareOptions.ties} is set, or where both responses have exactly the same
   * probability, as equal texts do.
   */
  winner: "a" | "b" | "tie";
  /** Probability of A, normalized over A and B; the mean of both orders. */
  probabilityA: number;
  /** Whether both orders name the same winner; `null` where only one was judged. */
  consistent: boolean | null;
  /**
   * The order given, then the reverse. With the method `"pointwise"`: the reading of A, then that of B, each with its own critique,
   * both with the probability of the whole.
   */
  orders: OrderVerdict[];
}

/** Responses by strength, with the comparisons behind it. The players are the responses. */
export interface RankVerdict extends Ranking {
  comparisons: Comparison[];
  /** Share of comparisons whose two orders name the same winner; `null` where only one order was judged. */
  consistency: number | null;
  usage: Usage;
  timing: Timing;
}

/** The verdict on two of several responses, whose indices are `a` and `b`. */
export interface Comparison {
  a: number;
  b: number;
  winner: "a" | "b" | "tie";
  probabilityA: number;
  consistent: boolean | null;
  thinking?: string;
  critique: string | null;
}

/** The verdict on one order of the responses. */
export interface OrderVerdict {
  /** The response that came first, which the critique calls "Response A". */
  first: "a" | "b";
  winner: "a" | "b" | "tie";
  probabilityA: number;
  /** With the method `"pointwise"`: the probability that this response is good, out of good and poor. */
  good?: number;
  outside: number;
  thinking?: string;
  critique: string | null;
  reliability?: Reliability;
}
