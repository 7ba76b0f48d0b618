import type { Ranking } from "./statistics.js";
import type { Timing, Usage } from "./generate.js";

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

/** A prompt template of this package. */
export type BuiltInTemplate = "selene" | "rubric-first";

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
