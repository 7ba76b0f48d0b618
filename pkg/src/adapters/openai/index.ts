/**
 * A judge's model behind the part of OpenAI's client that libraries use: `chat.completions.create`.
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
  /** Most tokens of an answer for which the call names no limit. Default 1024. */
  maxTokens?: number;
  /**
   * Whether a schema that the answer must fit is also written at the end of the last question, as it has to be for a model
   * to know of it. Default `true`; `false` where the prompt says it already.
   */
  schemaInPrompt?: boolean;
}

/** What OpenAI's client is to most libraries. */
export interface ChatCompletions {
  /**
   * Completes a conversation.
   *
   * @throws {LunetteApiError} `invalid-argument` naming the parameter that cannot be met; else as {@link Engine.generate}. A
   * stream throws what happens after its beginning from its iteration.
   */
  /** Answers piece by piece. */
  create(params: ChatCompletionParamsStreaming, options?: RequestOptions): Promise<ChatCompletionStream>;
  /** Answers as a whole. */
  create(params: ChatCompletionParamsNonStreaming, options?: RequestOptions): Promise<ChatCompletion>;
  /** Answers as `stream` says. */
  create(params: ChatCompletionParams, options?: RequestOptions): Promise<ChatCompletion | ChatCompletionStream>;
}

/** The part of OpenAI's client that is answered here. */
export interface OpenAIClient {
  readonly chat: { readonly completions: ChatCompletions };
}

const clientOptions = settings<OpenAIOptions>({ maxTokens: optional(count), schemaInPrompt: optional(flag) });

const requestOptions = settings<{ signal?: AbortSignal }>({ signal: optional(signal) });

/**
 * A client in the shape of OpenAI's that answers with the model of `model`, on this machine. Nothing is sent.
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

  // Bound to nothing: libraries wrap it and call it on its own.
  const create = (params: ChatCompletionParams, options?: RequestOptions) => answer(params, options).catch(rethrow);
  return { chat: { completions: { create: create as ChatCompletions["create"] } } };
}

function rethrow(error: unknown): never {
  throw toApiError(error);
}
