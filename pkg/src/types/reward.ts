import type { GoalChoice } from "./goal.js";
import type { CallOptions, Timing, Usage } from "./generate.js";

/** A response whose reward is wanted. */
export interface RewardTask {
  /** The instruction that was answered. */
  input: string;
  response: string;
}

/** Several responses to the same input. */
export interface RewardManyTask {
  /** The instruction that was answered. */
  input: string;
  responses: string[];
}

/** How a response is read. */
export interface RewardOptions extends CallOptions {
  /** Default: all goals of the head alike. */
  goal?: GoalChoice;
  /** A Q below this is a fall. Default 0. */
  threshold?: number;
  /** First tokens in which nothing counts as a fall, since nothing is known yet. Default 5. */
  ignore?: number;
}

/** How good a response is, and how that looked token by token. */
export interface RewardVerdict {
  /** Higher is better. It has no unit: only the rewards of one head can be compared. */
  reward: number;
  /** Q at the end of the response, −1 to 1. */
  end: number;
  /** The texts of the response's tokens: together they are the response. */
  tokens: string[];
  /** Q of each token, −1 to 1: how near the text read so far is to the goal. */
  q: number[];
  /** The least Q and its token; `null` for a response of no more than {@link RewardOptions.ignore} tokens. */
  minimum: { q: number; at: number } | null;
  /** The first token with a Q below {@link RewardOptions.threshold}; `null` if there is none. */
  fall: number | null;
  usage: Usage;
  timing: Timing;
}

/** Responses by their rewards. */
export interface Reranking {
  /** The responses' indices, the best first; of equal ones the earlier first. */
  order: number[];
  /** In the order of the responses. */
  rewards: RewardVerdict[];
}

/** Which of several samples are worth a vote. */
export interface Filtering {
  /** Indices of the responses that never fall; of all responses, if every one falls. */
  kept: number[];
  /** Tokens of all responses. */
  tokens: number;
  /** Tokens from the first falls on: a sampler that stops at a fall would not have written them. */
  savedTokens: number;
  /** In the order of the responses. */
  rewards: RewardVerdict[];
}
