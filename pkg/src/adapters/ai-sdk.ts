/**
 * A judge's model as a language model of the AI SDK, for `generateText`, `streamText` and structured output.
 *
 * @packageDocumentation
 */
import { count, finite, flag, json, listOf, object, oneOf, optional, settings, text } from "../wire/check.js";
import type { Check, Json } from "../wire/check.js";
import type { Engine } from "../api/engine.js";
import { LunetteError } from "../wire/errors.js";
import { constraint } from "../wire/inputs.js";
import type { Judge } from "../api/judge.js";
import type { ChatMessage, Constraint, GenerateOptions, Generation } from "../types/index.js";
import type {
  CallOptions,
  Content,
  FinishReason,
  GenerateResult,
  LanguageModel,
  ProviderMetadata,
  StreamPart,
  StreamResult,
  Usage,
  Warning,
} from "./ai-sdk-types.js";
import { callable, callForm, jsonForm, told } from "./form.js";
import type { CallForm, Form, Tool } from "./form.js";
import { engineOf, nameAbort } from "./model.js";
import { filled, linked } from "./streams.js";

export type { LanguageModel } from "./ai-sdk-types.js";

/** How the model answers. */
export interface LanguageModelOptions {
  /** Token limit of answers to calls without one. Default 1024. */
  maxTokens?: number;
  /**
   * Whether to append the answer's schema to the last question. The model does not see it otherwise. Default `true`. Use `false`
   * where the prompt has the schema already.
   */
  schemaInPrompt?: boolean;
}

/** The options in `providerOptions.lunette`. */
export interface LunetteProviderOptions {
  /** The form of the text. */
  constraint?: Constraint;
  /** Sample only from tokens at least this fraction as likely as the likeliest. */
  minP?: number;
  /** Return each token's log-probability, in `providerMetadata.lunette.logprobs`. */
  logprobs?: boolean;
}

const modelOptions = settings<LanguageModelOptions>({ maxTokens: optional(count), schemaInPrompt: optional(flag) });

const providerOptions = settings<LunetteProviderOptions>({
  constraint: optional(constraint),
  minP: optional(finite),
  logprobs: optional(flag),
});

/**
 * A language model for the AI SDK (provider specification v3) that runs on this machine. Nothing is sent.
 *
 * @throws {LunetteError} `invalid-argument`.
 */
export function createLanguageModel(model: Judge | Engine, options: LanguageModelOptions = {}): LanguageModel {
  const engine = engineOf(model, "model");
  const { maxTokens = 1024, schemaInPrompt = true } = modelOptions(options, "options");
  const read = (given: CallOptions) => new Call(given, maxTokens, schemaInPrompt);
  return {
    specificationVersion: "v3",
    provider: "lunette",
    modelId: engine.info.name,
    supportedUrls: {},
    async doGenerate(given) {
      try {
        return await generate(engine, read(given));
      } catch (error) {
        throw nameAbort(error);
      }
    },
    // Reject unsupported options here, before there is a stream.
    doStream: (given) => new Promise((resolve) => resolve(stream(engine, read(given)))),
  };
}

/** One call of the SDK, checked. */
class Call {
  readonly messages: ChatMessage[];
  readonly options: GenerateOptions;
  readonly warnings: Warning[];
  /** Set when the answer is a call of a tool. */
  readonly call: CallForm | undefined;

  constructor(given: CallOptions, maxTokens: number, schemaInPrompt: boolean) {
    const { responseFormat, tools = [], toolChoice } = given;
    const own = providerOptions(given.providerOptions?.["lunette"] ?? {}, "providerOptions.lunette");
    this.call = callOf(tools, toolChoice);
    const json =
      responseFormat?.type === "json"
        ? jsonForm(responseFormat.schema && schema(responseFormat.schema, "responseFormat.schema"))
        : undefined;
    const forms = [this.call, json, own.constraint && { constraint: own.constraint }].filter(
      (form) => form !== undefined,
    );
    if (forms.length > 1) {
      throw new LunetteError(
        "invalid-argument",
        "Of a call of a tool, responseFormat and providerOptions.lunette.constraint, an answer can be only one.",
      );
    }
    const form: Form | undefined = forms[0];
    const messages = listOf(message)([...given.prompt], "prompt");
    this.messages = schemaInPrompt && form?.words !== undefined ? told(messages, form.words) : messages;
    this.options = Object.fromEntries(
      Object.entries({
        maxTokens: given.maxOutputTokens ?? maxTokens,
        temperature: given.temperature,
        topP: given.topP,
        topK: given.topK,
        minP: own.minP,
        seed: given.seed,
        stop: given.stopSequences,
        logprobs: own.logprobs,
        constraint: form?.constraint,
        signal: given.abortSignal,
      }).filter(([, value]) => value !== undefined),
    );
    this.warnings = (["presencePenalty", "frequencyPenalty"] as const)
      .filter((feature) => given[feature] !== undefined && given[feature] !== 0)
      .map((feature) => ({ type: "unsupported", feature }));
  }

  content({ text }: Generation): Content[] {
    if (this.call === undefined) return [{ type: "text", text }];
    const made = this.call.read(text);
    return made === undefined
      ? []
      : [{ type: "tool-call", toolCallId: nextId(), toolName: made.name, input: made.arguments }];
  }

  finishReason({ finishReason }: Generation): FinishReason {
    const called = finishReason === "stop" && this.call !== undefined;
    return { unified: called ? "tool-calls" : finishReason, raw: finishReason };
  }
}

async function generate(engine: Engine, call: Call): Promise<GenerateResult> {
  const timestamp = new Date();
  const generation = await engine.generate(call.messages, call.options);
  return {
    content: call.content(generation),
    finishReason: call.finishReason(generation),
    usage: usage(generation),
    providerMetadata: metadata(generation),
    response: { timestamp, modelId: engine.info.name },
    warnings: call.warnings,
  };
}

function stream(engine: Engine, call: Call): StreamResult {
  const { controller, release } = linked(call.options.signal);
  const fill = async (push: (part: StreamPart) => void) => {
    try {
      await produce(engine, call, controller.signal, push);
    } catch (error) {
      push({ type: "error", error: nameAbort(error) });
    } finally {
      release();
    }
  };
  return { stream: filled(fill, () => controller.abort()) };
}

async function produce(
  engine: Engine,
  call: Call,
  signal: AbortSignal,
  push: (part: StreamPart) => void,
): Promise<void> {
  push({ type: "stream-start", warnings: call.warnings });
  push({ type: "response-metadata", timestamp: new Date(), modelId: engine.info.name });
  const id = nextId();
  const onToken = (delta: string) => {
    if (call.call === undefined) push({ type: "text-delta", id, delta });
  };
  if (call.call === undefined) push({ type: "text-start", id });
  const generation = await engine.generate(call.messages, { ...call.options, onToken, signal });
  if (call.call === undefined) push({ type: "text-end", id });
  for (const part of call.content(generation)) {
    if (part.type === "tool-call") push(part);
  }
  push({
    type: "finish",
    finishReason: call.finishReason(generation),
    usage: usage(generation),
    providerMetadata: metadata(generation),
  });
}

function usage({ usage: { promptTokens, cachedTokens, completionTokens } }: Generation): Usage {
  return {
    inputTokens: {
      total: promptTokens,
      noCache: promptTokens - cachedTokens,
      cacheRead: cachedTokens,
      cacheWrite: undefined,
    },
    outputTokens: { total: completionTokens, text: completionTokens, reasoning: undefined },
  };
}

function metadata({ timing, logprobs }: Generation): ProviderMetadata {
  return { lunette: { timing: { ...timing }, ...(logprobs && { logprobs: [...logprobs] }) } };
}

const schema: Check<Record<string, Json>> = (value, where) => json(object(value, where), where) as Record<string, Json>;

const part: Check<string> = (value, where) => {
  const { type, text: said } = object(value, where);
  if (type !== "text") {
    const message = `${where} is of type ${String(type)}, but only text can be read: no model here sees, hears or was taught tools.`;
    throw new LunetteError("invalid-argument", message);
  }
  return text(said, `${where}.text`);
};

const message: Check<ChatMessage> = (value, where) => {
  const { role, content } = object(value, where);
  if (role === "tool") {
    const problem = `${where} is the result of a tool, which no model here was taught to read. Put it into the prompt as text.`;
    throw new LunetteError("invalid-argument", problem);
  }
  const said = Array.isArray(content)
    ? listOf(part)(content, `${where}.content`).join("")
    : text(content, `${where}.content`);
  return { role: oneOf("system", "user", "assistant")(role, `${where}.role`), content: said };
};

const tool: Check<Tool> = (value, where) => {
  const { type, name, description, inputSchema } = object(value, where);
  if (type !== "function") {
    throw new LunetteError(
      "invalid-argument",
      `${where}.type must be "function": there is no provider to run another.`,
    );
  }
  const read: Tool = { name: text(name, `${where}.name`), parameters: schema(inputSchema, `${where}.inputSchema`) };
  return description === undefined ? read : { ...read, description: text(description, `${where}.description`) };
};

function callOf(tools: readonly object[], choice: CallOptions["toolChoice"]): CallForm | undefined {
  if (choice?.type === "none" || (choice === undefined && tools.length === 0)) return undefined;
  if (choice === undefined || choice.type === "auto") {
    if (tools.length === 0) return undefined;
    throw new LunetteError(
      "invalid-argument",
      'toolChoice must be "none", "required" or name a tool: no model here was taught when to call one by itself.',
    );
  }
  const named = choice.type === "tool" ? choice.toolName : undefined;
  return callForm(callable(listOf(tool)([...tools], "tools"), named, "toolChoice"));
}

let ids = 0;

function nextId(): string {
  ids += 1;
  return `lunette-${ids}`;
}
