import type { AdapterChoice } from "./adapter.js";
import type { Guide } from "./goal.js";

/** A message of a conversation, rendered through the model's own chat template. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  /** Plain text. Markers such as `<|im_end|>` in it stay text and cannot end the turn. */
  content: string;
}

/** What a model reads of a conversation. */
export interface ChatPrompt {
  /** The text of the tokens, with control tokens by their names. */
  text: string;
  tokens: Uint32Array;
  /** Indices of the control tokens in `tokens`. They tell a control token from the same name in a message. */
  special: Uint32Array;
}

/** Tokens that a call took. */
export interface Usage {
  promptTokens: number;
  /** Prompt tokens that came from the KV cache. */
  cachedTokens: number;
  completionTokens: number;
}

/** Wall-clock time of a call, in milliseconds. */
export interface Timing {
  prefillMs: number;
  decodeMs: number;
  totalMs: number;
}

/**
 * The form of a generated text, from its first character to its last (constrained decoding). Give exactly one of these, at
 * most 64 KiB as text.
 *
 * The model does not see the constraint. Ask for the same form in the prompt, or the model is forced into unlikely text.
 */
export type Constraint =
  /**
   * JSON that this schema describes (draft 2020-12; a keyword that cannot be enforced is an error). Whitespace between JSON
   * tokens is at most one space, or one line break with its indentation.
   */
  | { jsonSchema: object }
  /** A regular expression that the whole text matches, in the syntax of Rust's `regex`: no look-around, no back references. */
  | { regex: string }
  /** A context-free grammar in llguidance's dialect of Lark. The rule `start` matches the whole text. */
  | { grammar: string };

/** How text is generated. */
export interface GenerateOptions {
  /** Limit of generated tokens. Default 256. */
  maxTokens?: number;
  /** The LoRA adapter to write with, of those that the model was loaded with. Default: the first of them. */
  adapter?: AdapterChoice;
  /** Default 0: greedy, always the likeliest token. */
  temperature?: number;
  /** Sample only from the k likeliest tokens. */
  topK?: number;
  /** Sample only from the likeliest tokens that together reach this probability. */
  topP?: number;
  /** Sample only from tokens at least this fraction as likely as the likeliest. */
  minP?: number;
  /** Seed of the sampler. The same seed gives the same text. */
  seed?: number;
  /** Texts that end the generation. They are not part of the result. */
  stop?: string[];
  /** Return the log-probability of every generated token. */
  logprobs?: boolean;
  /** Return this many of the likeliest tokens at each place: at most 20. Default 0. */
  topLogprobs?: number;
  /** The form of the text. The text is complete if {@link Generation.finishReason} is `"stop"` and no `stop` text cut it. */
  constraint?: Constraint;
  /**
   * Leads the text to a goal of the reward model's head. Needs a `temperature`, and cannot be used with `stop`, `constraint` or
   * `topLogprobs`. Text comes step by step.
   */
  guide?: Guide;
  /** Called with each new piece of text. */
  onToken?: (text: string) => void;
  /** Cancels the call. Its promise rejects with code `"aborted"`, and the engine stays usable. */
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
  /** The likeliest tokens at the place of each generated token, likeliest first, before temperature and truncation. */
  topLogprobs?: TokenLogprob[][];
  /**
   * `stop`: the model ended its turn, a stop text came, or the constraint allows no more text. `length`: `maxTokens` or the
   * context length was reached, so a constrained text may be cut anywhere.
   */
  finishReason: "stop" | "length";
  usage: Usage;
  timing: Timing;
}

/** How tokens are read. */
export interface ReadOptions extends CallOptions {
  /** The LoRA adapter to read with, of those that the model was loaded with. Default: the first of them. */
  adapter?: AdapterChoice;
}

/** Which hidden states are read, and how. */
export interface StatesOptions extends ReadOptions {
  /** Places among the tokens, in any order. Default: all. What stands before the first of them may be cached. */
  at?: readonly number[];
}

/** What every long call accepts. */
export interface CallOptions {
  /** Cancels the call. Its promise rejects with code `"aborted"`, and the engine stays usable. */
  signal?: AbortSignal;
}
