import {
  callback,
  count,
  finite,
  flag,
  listOf,
  object,
  oneOf,
  optional,
  record,
  settings,
  signal,
  text,
  tokens,
  whole,
  wrong,
} from "./check.js";
import type { Check } from "./check.js";
import type {
  CallOptions,
  ChatMessage,
  GenerateOptions,
  JudgeOptions,
  LoadOptions,
  ModelRef,
  ScoreRubric,
  ScoreTask,
} from "./types.js";
import type { Prompt } from "./wasm-contract.js";

/** What each call of the public surface accepts, field by field. */

export const loadOptions = settings<LoadOptions>({
  backend: optional(oneOf("auto", "webgpu", "wasm")),
  disable: optional(listOf(oneOf("subgroups", "f16", "dp4a"))),
  contextLength: optional(count),
  maxBatch: optional(count),
  worker: optional(flag),
  onProgress: optional(callback),
  signal: optional(signal),
});

export const callOptions = settings<CallOptions>({ signal: optional(signal) });

export const tokenizeOptions = settings<{ special?: boolean }>({ special: optional(flag) });

export const judgeOptions = settings<JudgeOptions>({
  critique: optional(flag),
  maxTokens: optional(count),
  temperature: optional(finite),
  seed: optional(whole),
  onToken: optional(callback),
  signal: optional(signal),
});

export const generateOptions = settings<GenerateOptions>({
  maxTokens: optional(count),
  temperature: optional(finite),
  topK: optional(count),
  topP: optional(finite),
  minP: optional(finite),
  seed: optional(whole),
  stop: optional(listOf(text)),
  logprobs: optional(flag),
  topLogprobs: optional(count),
  onToken: optional(callback),
  signal: optional(signal),
});

const message = record<ChatMessage>({ role: oneOf("system", "user", "assistant"), content: text });

export const prompt: Check<Prompt> = (value, where) => {
  if (typeof value === "string") return text(value, where);
  if (Array.isArray(value)) return listOf(message)(value, where);
  if (ArrayBuffer.isView(value)) return tokens(value, where);
  throw wrong(where, "a string, a Uint32Array of tokens or an array of messages", value);
};

const scale: Check<ScoreRubric["scale"]> = (value, where) => {
  const levels = Object.entries(object(value, where));
  if (levels.length < 2) throw wrong(where, "a description of at least two scores", value);
  return Object.fromEntries(
    levels.map(([score, description]) => {
      if (!/^-?\d{1,15}$/.test(score)) throw wrong(`a key of ${where}`, "an integer", score);
      return [score, text(description, `${where}[${score}]`)];
    }),
  );
};

const passages: Check<string | string[]> = (value, where) =>
  Array.isArray(value) ? listOf(text)(value, where) : text(value, where);

export const scoreTask = record<ScoreTask>({
  input: text,
  response: text,
  reference: optional(text),
  context: optional(passages),
  rubric: record<ScoreRubric>({ objective: text, scale }),
});

export const modelRef = record<ModelRef>({
  url: (value, where) => {
    if (typeof value === "string" || value instanceof URL) return value;
    throw wrong(where, "a string or a URL", value);
  },
  bytes: optional(whole),
  license: optional(text),
});
