import {
  callback,
  count,
  finite,
  flag,
  json,
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
import { LunetteError } from "./errors.js";
import type {
  AdapterChoice,
  CallOptions,
  CatalogueEntry,
  ChatMessage,
  ClassifyManyTask,
  ClassifyTask,
  ClassRubric,
  CompareOptions,
  CompareTask,
  Constraint,
  GenerateOptions,
  JudgeOptions,
  LoadOptions,
  ModelRef,
  ModelSource,
  RankTask,
  ReadOptions,
  RewardManyTask,
  RewardTask,
  ScoreManyTask,
  ScoreRubric,
  ScoreTask,
  StatesOptions,
  Template,
  Thinking,
} from "../types/index.js";
import type { Prompt, WasmGoal, WasmGuide, WasmRewardOptions } from "./wasm-contract.js";

/** The checks of the public functions' arguments, field by field. */

/** A SHA-256 in hexadecimal digits. Returns it in lower case. */
export const sha256: Check<string> = (value, where) => {
  const digits = text(value, where).toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) throw wrong(where, "a SHA-256 of 64 hexadecimal digits", value);
  return digits;
};

function workerChoice(value: unknown, where: string): boolean | (() => Worker) {
  if (typeof value !== "boolean" && typeof value !== "function") throw wrong(where, "true, false or a function", value);
  return value as boolean | (() => Worker);
}

const engineFields = {
  backend: optional(oneOf("auto", "webgpu", "wasm")),
  disable: optional(listOf(oneOf("subgroups", "f16", "dp4a"))),
  contextLength: optional(count),
  maxBatch: optional(count),
  chatTemplate: optional(text),
  date: optional(text),
  threads: optional(count),
};

export const loadOptions = settings<LoadOptions>({
  ...engineFields,
  // Each is looked at as a model's source is.
  adapters: optional(listOf((value) => value as ModelSource)),
  head: optional((value) => value as ModelSource),
  worker: optional(workerChoice),
  cache: optional(flag),
  sha256: optional(sha256),
  onProgress: optional(callback),
  onRecovery: optional(callback),
  signal: optional(signal),
});

/** The part of {@link loadOptions} that the engine reads. */
export const engineOptions = record<Pick<LoadOptions, keyof typeof engineFields>>(engineFields);

export const tokenizeOptions = settings<{ special?: boolean }>({ special: optional(flag) });

const templateSpec = settings<Template>({
  userTemplate: text,
  systemTemplate: optional(text),
  reasoningMarker: optional(text),
  resultMarker: optional(text),
  thinking: optional(settings<{ open: string; close: string }>({ open: text, close: text })),
  rubric: optional(oneOf("first", "last")),
});

const template: Check<string | Template> = (value, where) =>
  typeof value === "string" ? text(value, where) : templateSpec(value, where);

const thoughtBudget = settings<{ maxTokens: number }>({ maxTokens: count });

const thinking: Check<Thinking> = (value, where) => {
  if (value === "off" || value === "auto") return value;
  if (typeof value === "object") return thoughtBudget(value, where);
  throw wrong(where, '"off", "auto" or { maxTokens }', value);
};

const scaledAdapter = settings<{ name: string; scale?: number }>({ name: text, scale: optional(finite) });

const adapter: Check<AdapterChoice> = (value, where) => {
  if (typeof value === "string") return text(value, where);
  if (value === null) return null;
  if (typeof value === "object") return scaledAdapter(value, where);
  throw wrong(where, "a name, null or { name, scale }", value);
};

export const callOptions = settings<CallOptions>({ signal: optional(signal) });
export const readOptions = settings<ReadOptions>({ adapter: optional(adapter), signal: optional(signal) });
export const statesOptions = settings<StatesOptions>({
  adapter: optional(adapter),
  at: optional(listOf(count)),
  signal: optional(signal),
});

const readingOptions = {
  adapter: optional(adapter),
  critique: optional(flag),
  maxTokens: optional(count),
  thinking: optional(thinking),
  temperature: optional(finite),
  seed: optional(whole),
  samples: optional(count),
  template: optional(template),
  defences: optional(listOf(oneOf("mark", "remind"))),
  truncate: optional(oneOf("response", "context")),
  onToken: optional(callback),
  signal: optional(signal),
};

export const judgeOptions = settings<JudgeOptions>({ ...readingOptions, rubricOrders: optional(count) });

export const compareOptions = settings<CompareOptions>({
  ...readingOptions,
  method: optional(oneOf("pairwise", "pointwise")),
  bothOrders: optional(flag),
  ties: optional(flag),
});

/** The kinds of constraints. The engine checks their content. */
const constraints: Record<string, Check<unknown>> = {
  jsonSchema: (value, where) => json(object(value, where), where),
  regex: text,
  grammar: text,
};

export const constraint: Check<Constraint> = (value, where) => {
  const given = Object.entries(object(value, where)).filter(([, entry]) => entry !== undefined);
  const kinds = Object.keys(constraints).join(", ");
  for (const [kind] of given) {
    if (!Object.hasOwn(constraints, kind)) throw wrong(`a key of ${where}`, `one of ${kinds}`, kind);
  }
  const [first, ...others] = given;
  if (first === undefined || others.length > 0) {
    throw new LunetteError(
      "invalid-argument",
      `${where} must hold exactly one of ${kinds}, but holds ${given.length}.`,
    );
  }
  const [kind, entry] = first;
  return { [kind]: constraints[kind]?.(entry, `${where}.${kind}`) } as unknown as Constraint;
};

/** A state is posted as a list of numbers. */
const goal: Check<WasmGoal> = (value, where) => {
  if (typeof value === "string") return text(value, where);
  // Check the tag and not the class: the array may come from another frame.
  const state = Object.prototype.toString.call(value) === "[object Float32Array]" || Array.isArray(value);
  if (state) return Array.from(value as ArrayLike<number>, (number, i) => finite(number, `${where}[${i}]`));
  if (typeof value !== "object" || value === null) {
    throw wrong(where, "a name, an object of weights by name or a Float32Array", value);
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, weight]) => [name, finite(weight, `${where}[${JSON.stringify(name)}]`)]),
  );
};

const guide = settings<WasmGuide>({
  goal: optional(goal),
  weight: optional(finite),
  candidates: optional(count),
  stepTokens: optional(count),
});

export const generateOptions = settings<Omit<GenerateOptions, "guide"> & { guide?: WasmGuide }>({
  maxTokens: optional(count),
  temperature: optional(finite),
  topK: optional(count),
  topP: optional(finite),
  minP: optional(finite),
  seed: optional(whole),
  stop: optional(listOf(text)),
  logprobs: optional(flag),
  topLogprobs: optional(count),
  constraint: optional(constraint),
  adapter: optional(adapter),
  guide: optional(guide),
  onToken: optional(callback),
  signal: optional(signal),
});

const message = record<ChatMessage>({ role: oneOf("system", "user", "assistant"), content: text });

export const messages = listOf(message);

export const prompt: Check<Prompt> = (value, where) => {
  if (typeof value === "string") return text(value, where);
  if (Array.isArray(value)) return listOf(message)(value, where);
  if (ArrayBuffer.isView(value)) return tokens(value, where);
  throw wrong(where, "a string, a Uint32Array of tokens or an array of messages", value);
};

/** Each score has one name, so "01" and "1.0" are none. */
const isScore = (key: string): boolean => /^-?\d{1,15}(\.\d{1,15})?$/.test(key) && String(Number(key)) === key;

const scale: Check<ScoreRubric["scale"]> = (value, where) => {
  const levels = Object.entries(object(value, where));
  if (levels.length < 2) throw wrong(where, "a description of at least two scores", value);
  return Object.fromEntries(
    levels.map(([score, description]) => {
      if (!isScore(score)) throw wrong(`a key of ${where}`, "a number such as 3, -1 or 0.5", score);
      return [score, text(description, `${where}[${score}]`)];
    }),
  );
};

const labels: Check<ClassRubric["labels"]> = (value, where) => {
  const entries = Object.entries(object(value, where));
  if (entries.length < 2) throw wrong(where, "a description of at least two labels", value);
  return Object.fromEntries(
    entries.map(([label, description]) => [label, text(description, `${where}[${JSON.stringify(label)}]`)]),
  );
};

const passages: Check<string | string[]> = (value, where) =>
  Array.isArray(value) ? listOf(text)(value, where) : text(value, where);

export const scoreRubric = record<ScoreRubric>({ objective: text, scale });
export const classRubric = record<ClassRubric>({ objective: text, labels });
const subject = { input: text, response: text, reference: optional(text), context: optional(passages) };

export const scoreTask = record<ScoreTask>({ ...subject, rubric: scoreRubric });
export const scoreManyTask = record<ScoreManyTask>({ ...subject, rubrics: listOf(scoreRubric) });
export const classifyTask = record<ClassifyTask>({ ...subject, rubric: classRubric });
export const classifyManyTask = record<ClassifyManyTask>({ ...subject, rubrics: listOf(classRubric) });

export const compareTask = record<CompareTask>({
  input: text,
  responseA: text,
  responseB: text,
  criteria: text,
  reference: optional(text),
  context: optional(passages),
});

export const rankTask = record<RankTask>({
  input: text,
  responses: listOf(text),
  criteria: text,
  reference: optional(text),
  context: optional(passages),
  schedule: optional(oneOf("all", "swiss")),
  rounds: optional(count),
});

export const rewardTask = record<RewardTask>({ input: text, response: text });
export const rewardManyTask = record<RewardManyTask>({ input: text, responses: listOf(text) });
export const rewardExamples = listOf(rewardTask);

export const rewardOptions = settings<WasmRewardOptions & CallOptions>({
  goal: optional(goal),
  threshold: optional(finite),
  ignore: optional(count),
  signal: optional(signal),
});

const refFields = {
  url: (value: unknown, where: string) => {
    if (typeof value === "string" || value instanceof URL) return value;
    throw wrong(where, "a string or a URL", value);
  },
  bytes: optional(whole),
  sha256: optional<string | string[]>((value, where) =>
    Array.isArray(value) ? listOf(sha256)(value, where) : sha256(value, where),
  ),
  license: optional(text),
  licenseUrl: optional(text),
  name: optional(text),
  template: optional(oneOf("selene", "rubric-first")),
  chatTemplate: optional(text),
  method: optional(oneOf("pairwise", "pointwise")),
  adapters: optional<ModelRef[]>((value, where) => listOf(modelRef)(value, where)),
};

export const modelRef: Check<ModelRef> = (value, where) => record<ModelRef>(refFields)(value, where);

export const catalogueEntry = record<CatalogueEntry>({
  ...refFields,
  id: text,
  name: text,
  description: text,
  repository: text,
  file: text,
  bytes: whole,
  quantization: text,
  architecture: text,
  parameters: whole,
  contextLength: count,
  license: text,
  languages: listOf(text),
  template: oneOf("selene", "rubric-first"),
  purpose: optional(oneOf("judge", "chat")),
  thinking: optional(flag),
  tested: optional(flag),
  note: optional(text),
});
