/**
 * The part of the AI SDK's provider specification (v3) that a language model needs, as own types: users need not install
 * `@ai-sdk/provider`. The package's type tests compare it with the real one.
 */

type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue | undefined };
type JsonObject = Record<string, JsonValue | undefined>;

export type ProviderMetadata = Record<string, JsonObject>;

export type Warning =
  | { type: "unsupported"; feature: string; details?: string }
  | { type: "compatibility"; feature: string; details?: string }
  | { type: "other"; message: string };

/** The SDK's call options. The adapter does not support all of them, and its errors name those that it does not. */
export interface CallOptions {
  prompt: readonly { role: string; content: unknown }[];
  maxOutputTokens?: number;
  temperature?: number;
  stopSequences?: string[];
  topP?: number;
  topK?: number;
  presencePenalty?: number;
  frequencyPenalty?: number;
  responseFormat?: { type: "text" } | { type: "json"; schema?: object; name?: string; description?: string };
  seed?: number;
  tools?: readonly object[];
  toolChoice?: { type: "auto" } | { type: "none" } | { type: "required" } | { type: "tool"; toolName: string };
  abortSignal?: AbortSignal;
  providerOptions?: Record<string, object>;
}

export type Content =
  { type: "text"; text: string } | { type: "tool-call"; toolCallId: string; toolName: string; input: string };

export interface FinishReason {
  unified: "stop" | "length" | "tool-calls";
  raw: string | undefined;
}

export interface Usage {
  inputTokens: {
    total: number | undefined;
    noCache: number | undefined;
    cacheRead: number | undefined;
    cacheWrite: number | undefined;
  };
  outputTokens: { total: number | undefined; text: number | undefined; reasoning: number | undefined };
}

export interface GenerateResult {
  content: Content[];
  finishReason: FinishReason;
  usage: Usage;
  providerMetadata: ProviderMetadata;
  response: { timestamp: Date; modelId: string };
  warnings: Warning[];
}

export type StreamPart =
  | { type: "stream-start"; warnings: Warning[] }
  | { type: "response-metadata"; timestamp?: Date; modelId?: string }
  | { type: "text-start"; id: string }
  | { type: "text-delta"; id: string; delta: string }
  | { type: "text-end"; id: string }
  | { type: "tool-input-start"; id: string; toolName: string }
  | { type: "tool-input-delta"; id: string; delta: string }
  | { type: "tool-input-end"; id: string }
  | { type: "tool-call"; toolCallId: string; toolName: string; input: string }
  | { type: "finish"; finishReason: FinishReason; usage: Usage; providerMetadata?: ProviderMetadata }
  | { type: "error"; error: unknown };

export interface StreamResult {
  stream: ReadableStream<StreamPart>;
}

/** A language model for the AI SDK. */
export interface LanguageModel {
  readonly specificationVersion: "v3";
  readonly provider: string;
  readonly modelId: string;
  /** Empty: the model fetches nothing. */
  readonly supportedUrls: Record<string, RegExp[]>;
  /** Returns the whole answer. */
  doGenerate(options: CallOptions): Promise<GenerateResult>;
  /** Streams the answer. */
  doStream(options: CallOptions): Promise<StreamResult>;
}
