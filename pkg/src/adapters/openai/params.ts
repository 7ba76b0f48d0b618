import {
  count,
  finite,
  flag,
  json,
  listOf,
  object,
  oneOf,
  optional,
  settings,
  text,
  whole,
  wrong,
} from "../../wire/check.js";
import type { Check, Json } from "../../wire/check.js";
import { LunetteError } from "../../wire/errors.js";
import type { ChatMessage, GenerateOptions } from "../../types/index.js";
import { callable, callForm, jsonForm, told } from "../form.js";
import type { CallForm, Form, Tool } from "../form.js";

/** A call of `chat.completions.create`, as the engine needs it. */
export interface Request {
  messages: ChatMessage[];
  options: GenerateOptions;
  /** Number of answers. */
  n: number;
  stream: boolean;
  includeUsage: boolean;
  /** Set when the answer is a call. */
  call?: CallForm;
}

/** The client's defaults. */
export interface Defaults {
  maxTokens: number;
  schemaInPrompt: boolean;
}

const MOST_CHOICES = 16;

/** Null means "not given", as in OpenAI's API. */
function given(value: unknown, where: string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object(value, where)).filter(([, entry]) => entry !== null));
}

/** A parameter with only one supported value. */
function only<T>(accepted: T): Check<T> {
  return (value, where) => {
    if (value !== accepted) {
      throw new LunetteError("invalid-argument", `${where} is not supported, other than as ${String(accepted)}.`);
    }
    return accepted;
  };
}

const part: Check<string> = (value, where) => {
  const { type } = object(value, where);
  if (type !== "text") {
    throw new LunetteError("invalid-argument", `${where}.type must be "text": no model here sees or hears.`);
  }
  return settings<{ type: "text"; text: string }>({ type: oneOf("text"), text })(value, where).text;
};

const content: Check<string> = (value, where) =>
  Array.isArray(value) ? listOf(part)(value, where).join("") : text(value, where);

const message: Check<ChatMessage> = (value, where) => {
  const { role, content: said } = settings<{ role: ChatMessage["role"] | "developer"; content: string; id?: string }>({
    role: oneOf("system", "developer", "user", "assistant"),
    content,
    id: optional(text),
  })(given(value, where), where);
  return { role: role === "developer" ? "system" : role, content: said };
};

const schema: Check<Record<string, Json>> = (value, where) => json(object(value, where), where) as Record<string, Json>;

const jsonSchema = settings<{ name?: string; description?: string; strict?: boolean; schema: Record<string, Json> }>({
  name: optional(text),
  description: optional(text),
  // Constraints are always strict.
  strict: optional(flag),
  schema,
});

const responseFormat: Check<Form | undefined> = (value, where) => {
  const type = oneOf(
    "text",
    "json_object",
    "json_schema",
    "regex",
    "grammar",
  )(object(value, where)["type"], `${where}.type`);
  const field = <T>(name: string, check: Check<T>): T => {
    const format = settings<Record<string, unknown>>({ type: text, [name]: check })(value, where);
    return format[name] as T;
  };
  switch (type) {
    case "text":
      return undefined;
    case "json_object":
      return jsonForm();
    case "json_schema":
      return jsonForm(field("json_schema", (spec, at) => jsonSchema(given(spec, at), at)).schema);
    case "regex":
      return { constraint: { regex: field("regex", text) } };
    case "grammar":
      return { constraint: { grammar: field("grammar", text) } };
  }
};

const NO_PARAMETERS = { type: "object", properties: {}, additionalProperties: false };

const tool: Check<Tool> = (value, where) => {
  const { function: spec } = settings<{ type: "function"; function: Record<string, unknown> }>({
    type: oneOf("function"),
    function: given,
  })(value, where);
  const {
    parameters = NO_PARAMETERS,
    name,
    description,
  } = settings<Partial<Tool> & { name: string; strict?: boolean }>({
    name: text,
    description: optional(text),
    parameters: optional(schema),
    strict: optional(flag),
  })(spec, `${where}.function`);
  return description === undefined ? { name, parameters } : { name, description, parameters };
};

/** `null`: no call. */
const toolChoice: Check<{ name?: string } | null> = (value, where) => {
  if (value === "none") return null;
  if (value === "required") return {};
  if (typeof value === "object" && value !== null) {
    const choice = settings<{ type: "function"; function: { name: string } }>({
      type: oneOf("function"),
      function: settings<{ name: string }>({ name: text }),
    })(value, where);
    return choice.function;
  }
  throw new LunetteError(
    "invalid-argument",
    `${where} must be "none", "required" or name a function: no model here was taught when to call one by itself.`,
  );
};

const stops: Check<string[]> = (value, where) =>
  typeof value === "string" ? [text(value, where)] : listOf(text)(value, where);

interface Params {
  messages: ChatMessage[];
  model?: string;
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  seed?: number;
  stop?: string[];
  max_completion_tokens?: number;
  max_tokens?: number;
  n?: number;
  logprobs?: boolean;
  top_logprobs?: number;
  response_format?: { form: Form | undefined };
  tools?: Tool[];
  tool_choice?: { name?: string } | null;
  parallel_tool_calls?: boolean;
  stream?: boolean;
  stream_options?: { include_usage?: boolean };
  frequency_penalty?: 0;
  presence_penalty?: 0;
}

const parameters = settings<Params>({
  messages: listOf(message),
  model: optional(text),
  temperature: optional(finite),
  top_p: optional(finite),
  top_k: optional(count),
  min_p: optional(finite),
  seed: optional(whole),
  stop: optional(stops),
  max_completion_tokens: optional(count),
  max_tokens: optional(count),
  n: optional(count),
  logprobs: optional(flag),
  top_logprobs: optional(count),
  response_format: optional((value, where) => ({ form: responseFormat(value, where) })),
  tools: optional(listOf(tool)),
  tool_choice: optional(toolChoice),
  parallel_tool_calls: optional(flag),
  stream: optional(flag),
  stream_options: optional(settings<{ include_usage?: boolean }>({ include_usage: optional(flag) })),
  frequency_penalty: optional(only<0>(0)),
  presence_penalty: optional(only<0>(0)),
});

/** Reads the parameters of a call. An unsupported one is an error that names it. */
export function readParams(value: unknown, defaults: Defaults): Request {
  const params = parameters(given(value, "params"), "params");
  const call = callOf(params);
  const form = call ?? params.response_format?.form;
  if (call !== undefined && params.response_format?.form !== undefined) {
    throw conflict("params.response_format cannot be met together with a call. Leave one of them out.");
  }
  const words = defaults.schemaInPrompt ? form?.words : undefined;
  const request: Request = {
    messages: words === undefined ? params.messages : told(params.messages, words),
    options: options(params, defaults),
    n: choices(params),
    stream: params.stream ?? false,
    includeUsage: params.stream_options?.include_usage ?? false,
  };
  if (form !== undefined) request.options.constraint = form.constraint;
  if (call !== undefined) request.call = call;
  return request;
}

function callOf({ tools = [], tool_choice }: Params): CallForm | undefined {
  if (tool_choice === null || (tool_choice === undefined && tools.length === 0)) return undefined;
  if (tool_choice === undefined) toolChoice("auto", "params.tool_choice");
  return callForm(callable(tools, tool_choice?.name, "params.tool_choice"));
}

function options(params: Params, { maxTokens }: Defaults): GenerateOptions {
  const { max_tokens, max_completion_tokens, logprobs = false, top_logprobs } = params;
  if (max_tokens !== undefined && max_completion_tokens !== undefined) {
    throw conflict("params.max_tokens and params.max_completion_tokens mean the same. Leave one of them out.");
  }
  if (top_logprobs !== undefined && !logprobs) {
    throw conflict("params.top_logprobs needs params.logprobs to be true.");
  }
  return Object.fromEntries(
    Object.entries({
      maxTokens: max_completion_tokens ?? max_tokens ?? maxTokens,
      temperature: params.temperature,
      topP: params.top_p,
      topK: params.top_k,
      minP: params.min_p,
      seed: params.seed,
      stop: params.stop,
      logprobs: logprobs || undefined,
      topLogprobs: top_logprobs,
    }).filter(([, entry]) => entry !== undefined),
  );
}

function choices({ n = 1, temperature = 0 }: Params): number {
  if (n < 1 || n > MOST_CHOICES) throw wrong("params.n", `a number from 1 to ${MOST_CHOICES}`, n);
  if (n > 1 && temperature === 0)
    throw conflict("params.n above 1 needs a params.temperature above 0: all would be the same.");
  return n;
}

function conflict(message: string): LunetteError {
  return new LunetteError("invalid-argument", message);
}
