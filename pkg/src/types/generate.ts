/** A message of a conversation, rendered through the model's own chat template. */
export interface ChatMessage {
  role: "system" | "user" | "assistant";
  /** Always plain text: markers such as `<|im_end|>` in it stay text and cannot end the turn. */
  content: string;
}

/** What a model reads of a conversation. */
export interface ChatPrompt {
  /** The text of the tokens, control tokens by their names. */
  text: string;
  tokens: Uint32Array;
  /** Places of control tokens among `tokens`, from 0: only these tell one from the same name in a message. */
  special: Uint32Array;
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
