import type { Json } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import type { ChatMessage, Constraint } from "../types/index.js";

/** The form of an answer: a constraint, and words that tell the model about it. A constraint alone forces unlikely text. */
export interface Form {
  constraint: Constraint;
  /** Words for the prompt. Empty where the caller's prompt describes the form. */
  words?: string;
}

type Schema = Record<string, Json>;

export function jsonForm(schema?: Schema): Form {
  if (schema === undefined) {
    return { constraint: { jsonSchema: { type: "object" } }, words: "Answer only with a JSON object." };
  }
  return {
    constraint: { jsonSchema: schema },
    words: `Answer only with JSON that fits this schema: ${JSON.stringify(schema)}`,
  };
}

/** A function that the model can be forced to call. */
export interface Tool {
  name: string;
  description?: string;
  parameters: Schema;
}

/** A call. Its arguments are JSON, which is incomplete if the generation was cut. */
export interface ToolCall {
  name: string;
  arguments: string;
}

/** The form of a call. */
export interface CallForm extends Form {
  /** The function, where there is only one. The text is then its arguments. */
  tool?: string;
  /** `undefined` if the text was cut before the function's name. */
  read(text: string): ToolCall | undefined;
}

/** A call of one of `tools`. With one tool, the text is its arguments; with several, an object with its name. */
export function callForm(tools: readonly Tool[]): CallForm {
  const [first, ...others] = tools;
  if (first !== undefined && others.length === 0) return argumentsForm(first);
  const $defs = Object.fromEntries(tools.map((tool, i) => [`f${i}`, rooted(tool.parameters, `#/$defs/f${i}`)]));
  const anyOf = tools.map(({ name }, i) => ({
    type: "object",
    properties: { name: { const: name }, arguments: { $ref: `#/$defs/f${i}` } },
    required: ["name", "arguments"],
    additionalProperties: false,
  }));
  const described = tools.map(({ name, description, parameters }) => ({ name, description, parameters }));
  return {
    constraint: { jsonSchema: { anyOf, $defs } },
    words:
      'Answer only with a call of one of these functions, as JSON {"name": …, "arguments": …}: ' +
      JSON.stringify(described),
    read: readCall,
  };
}

function argumentsForm({ name, description, parameters }: Tool): CallForm {
  const purpose = description === undefined ? "" : ` (${description})`;
  return {
    constraint: { jsonSchema: parameters },
    words:
      `Answer only with the arguments of a call of the function ${name}${purpose}, as JSON that fits this schema: ` +
      JSON.stringify(parameters),
    tool: name,
    read: (text) => ({ name, arguments: text }),
  };
}

/** A schema as a part of another one: its references start at the new root, and it declares no dialect. */
function rooted(schema: Schema, root: string): Schema {
  const move = (value: Json, key: string): Json => {
    if (key === "$ref" && typeof value === "string" && value.startsWith("#")) return root + value.slice(1);
    if (Array.isArray(value)) return value.map((item) => move(item, ""));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, move(item, name)]));
  };
  const rest = Object.entries(schema).filter(([key]) => key !== "$schema");
  return move(Object.fromEntries(rest), "") as Schema;
}

/** The constraint fixes the order of the properties, and the whitespace between them. */
const CALL = /^\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*([^]*)$/;

function readCall(text: string): ToolCall | undefined {
  const [, name, rest] = CALL.exec(text) ?? [];
  if (name === undefined || rest === undefined) return undefined;
  try {
    const { arguments: given } = JSON.parse(text) as { arguments: unknown };
    return { name: JSON.parse(name) as string, arguments: JSON.stringify(given) };
  } catch {
    // The text was cut. Return what there is; the finish reason says so.
    return { name: JSON.parse(name) as string, arguments: rest };
  }
}

/** The tools that may be called. The caller decides whether to call one: no model here was trained to. */
export function callable(tools: readonly Tool[], name: string | undefined, where: string): readonly Tool[] {
  const chosen = name === undefined ? tools : tools.filter((tool) => tool.name === name);
  if (chosen.length > 0) return chosen;
  const message =
    name === undefined
      ? `${where} requires a call, but there are no tools.`
      : `${where} names ${JSON.stringify(name)}, which is none of the tools.`;
  throw new LunetteError("invalid-argument", message);
}

/** A conversation with `words` at the end of its last question. */
export function told(messages: readonly ChatMessage[], words: string): ChatMessage[] {
  const at = messages.map(({ role }) => role).lastIndexOf("user");
  if (at < 0) return [...messages, { role: "user", content: words }];
  return messages.map((message, i) => (i === at ? { ...message, content: `${message.content}\n\n${words}` } : message));
}
