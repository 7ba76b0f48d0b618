/**
 * A judge's model with the part of OpenAI's client interface that libraries use: `chat.completions.create`.
 *
 * @packageDocumentation
 */
import { count, flag, optional, settings, signal } from "../../wire/check.js";
import type { Engine } from "../../api/engine.js";
import type { Judge } from "../../api/judge.js";
import { engineOf } from "../model.js";
import { linked } from "../streams.js";
import { Completion } from "./completion.js";
import { toApiError } from "./errors.js";
import { TokenTexts } from "./logprobs.js";
import { readParams } from "./params.js";
import { ChatCompletionStream } from "./stream.js";
import type {
  ChatCompletion,
  ChatCompletionParams,
  ChatCompletionParamsNonStreaming,
  ChatCompletionParamsStreaming,
  RequestOptions,
} from "./types.js";

export { LunetteApiError } from "./errors.js";
export { ChatCompletionStream } from "./stream.js";
export type * from "./types.js";

/** How the client answers. */
export interface OpenAIOptions {
  /** Token limit of answers to calls without one. Default 1024. */
  maxTokens?: number;
  /**
   * Whether to append the answer's schema to the last question. The model does not see it otherwise. Default `true`. Use `false`
   * where the prompt has the schema already.
   */
  schemaInPrompt?: boolean;
}

/** The method of OpenAI's client that most libraries use. */
export interface ChatCompletions {
  /**
   * Completes a conversation.
   *
   * @throws {LunetteApiError} `invalid-argument` naming an unsupported parameter; else as {@link Engine.generate}. Once a stream
   * has begun, its iteration throws.
   */
  /** Streams the answer. */
  create(params: ChatCompletionParamsStreaming, options?: RequestOptions): Promise<ChatCompletionStream>;
  /** Returns the whole answer. */
  create(params: ChatCompletionParamsNonStreaming, options?: RequestOptions): Promise<ChatCompletion>;
  /** Streams if `stream` is true. */
  create(params: ChatCompletionParams, options?: RequestOptions): Promise<ChatCompletion | ChatCompletionStream>;
}

/** The supported part of OpenAI's client. */
export interface OpenAIClient {
  readonly chat: { readonly completions: ChatCompletions };
}

const clientOptions = settings<OpenAIOptions>({ maxTokens: optional(count), schemaInPrompt: optional(flag) });

const requestOptions = settings<{ signal?: AbortSignal }>({ signal: optional(signal) });

/**
 * A client with the interface of OpenAI's that runs the model on this machine. Nothing is sent.
 *
 * @throws {LunetteError} `invalid-argument`.
 */
export function createOpenAI(model: Judge | Engine, options: OpenAIOptions = {}): OpenAIClient {
  const engine = engineOf(model, "model");
  const { maxTokens = 1024, schemaInPrompt = true } = clientOptions(options, "options");
  const texts = new TokenTexts(engine);
  let requests = 0;

  async function answer(
    params: ChatCompletionParams,
    { signal, ...rest }: RequestOptions = {},
  ): Promise<ChatCompletion | ChatCompletionStream> {
    const checked = requestOptions({ signal: signal ?? undefined, ...rest }, "options").signal;
    const request = readParams(params, { maxTokens, schemaInPrompt });
    const completion = new Completion(engine, texts, request, ++requests);
    if (!request.stream) return completion.whole(checked);
    const { controller, release } = linked(checked);
    return new ChatCompletionStream(controller, (push) =>
      completion.stream(controller.signal, push).catch(rethrow).finally(release),
    );
  }

  // It does not use `this`: libraries wrap the method and call it alone.
  const create = (params: ChatCompletionParams, options?: RequestOptions) => answer(params, options).catch(rethrow);
  return { chat: { completions: { create: create as ChatCompletions["create"] } } };
}

function rethrow(error: unknown): never {
  throw toApiError(error);
}
