/** The supported part of OpenAI's chat completions, as own types: users need not install the client. */

/** A message's text. Parts are joined. */
export type Content = string | readonly { type: "text"; text: string }[];

/** A message of the conversation. */
export interface ChatCompletionMessageParam {
  /** `developer` is another name for `system`. */
  role: "system" | "developer" | "user" | "assistant";
  content: Content;
}

/** The form of the answer. `regex` and `grammar` are this package's own. */
export type ResponseFormat =
  | { type: "text" }
  | { type: "json_object" }
  | {
      type: "json_schema";
      json_schema: { name: string; schema?: object; description?: string; strict?: boolean | null };
    }
  | { type: "regex"; regex: string }
  | { type: "grammar"; grammar: string };

/** A function that the model may call. */
export interface ChatCompletionTool {
  type: "function";
  function: { name: string; description?: string; parameters?: object; strict?: boolean | null };
}

/** `auto` is not supported: no model here was trained to decide when to call. */
export type ToolChoice = "none" | "required" | { type: "function"; function: { name: string } };

/** The parameters of a completion. Any other parameter is an error, and so is an unsupported value. */
export interface ChatCompletionParams {
  messages: readonly ChatCompletionMessageParam[];
  /** Accepted because some clients must give one, but ignored: the loaded model is used. */
  model?: string;
  /** Default 0: the likeliest token, where OpenAI's default is 1. */
  temperature?: number | null;
  top_p?: number | null;
  /** Not OpenAI's: sample only from the k likeliest tokens. */
  top_k?: number | null;
  /** Not OpenAI's: sample only from tokens at least this fraction as likely as the likeliest. */
  min_p?: number | null;
  seed?: number | null;
  stop?: string | readonly string[] | null;
  /** Default: that of the client. */
  max_completion_tokens?: number | null;
  /** The older name of `max_completion_tokens`. */
  max_tokens?: number | null;
  /** Number of answers, at most 16. More than one need a `temperature` above 0. */
  n?: number | null;
  /** Natural logarithms of probabilities over the full vocabulary, before temperature, truncation and constraint. */
  logprobs?: boolean | null;
  /** At most 20. */
  top_logprobs?: number | null;
  response_format?: ResponseFormat;
  tools?: readonly ChatCompletionTool[];
  tool_choice?: ToolChoice;
  /** Either value has the same effect: an answer has one call. */
  parallel_tool_calls?: boolean;
  stream?: boolean | null;
  stream_options?: { include_usage?: boolean } | null;
  /** Only 0. */
  frequency_penalty?: number | null;
  /** Only 0. */
  presence_penalty?: number | null;
}

/** Parameters of a streamed completion. */
export type ChatCompletionParamsStreaming = ChatCompletionParams & { stream: true };
/** Parameters of a completion that is not streamed. */
export type ChatCompletionParamsNonStreaming = ChatCompletionParams & { stream?: false | null };

/** Options of one request, beside its parameters. */
export interface RequestOptions {
  /** Cancels the completion, which then rejects with code `"aborted"`. */
  signal?: AbortSignal | null;
}

/** Why the answer ended. */
export type FinishReason = "stop" | "length" | "tool_calls";

/** Token counts of the completion. */
export interface CompletionUsage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}

/** A token with the natural logarithm of its probability. */
export interface TopLogprob {
  token: string;
  logprob: number;
  /** The token's bytes in UTF-8; `null` if it is an incomplete character. */
  bytes: number[] | null;
}

/** A token of the answer, with the likeliest tokens at its place. */
export interface ChatCompletionTokenLogprob extends TopLogprob {
  top_logprobs: TopLogprob[];
}

/** The tokens of the answer with their probabilities. */
export interface Logprobs {
  content: ChatCompletionTokenLogprob[] | null;
  refusal: null;
}

/** A call of a function that the model asks for. */
export interface ChatCompletionMessageToolCall {
  id: string;
  type: "function";
  function: { name: string; arguments: string };
}

/** The answer's message. */
export interface ChatCompletionMessage {
  role: "assistant";
  content: string | null;
  refusal: null;
  tool_calls?: ChatCompletionMessageToolCall[];
}

/** One answer; there is always one. */
export interface Choice {
  index: number;
  message: ChatCompletionMessage;
  logprobs: Logprobs | null;
  finish_reason: FinishReason;
}

/** The answer as a whole. */
export interface ChatCompletion {
  id: string;
  object: "chat.completion";
  /** Seconds since 1970. */
  created: number;
  model: string;
  choices: Choice[];
  usage: CompletionUsage;
}

/** The part of the message in a chunk. */
export interface Delta {
  role?: "assistant";
  content?: string | null;
  tool_calls?: {
    index: number;
    id?: string;
    type?: "function";
    function?: { name?: string; arguments?: string };
  }[];
}

/** The part of the answer in a chunk. */
export interface ChunkChoice {
  index: number;
  delta: Delta;
  /** Of the whole answer, in its last chunk. */
  logprobs: Logprobs | null;
  finish_reason: FinishReason | null;
}

/** A piece of the answer. */
export interface ChatCompletionChunk {
  id: string;
  object: "chat.completion.chunk";
  created: number;
  model: string;
  /** Empty in the chunk that carries the usage. */
  choices: ChunkChoice[];
  /** Set in the last chunk with `stream_options.include_usage`, and `null` in the others. */
  usage?: CompletionUsage | null;
}
