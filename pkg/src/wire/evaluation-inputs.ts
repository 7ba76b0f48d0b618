import {
  callback,
  count,
  finite,
  json,
  listOf,
  object,
  oneOf,
  optional,
  record,
  settings,
  text,
  whole,
  wrong,
} from "./check.js";
import type { Check, Json } from "./check.js";
import type { Terms, WireRow } from "./evaluation.js";
import { classRubric, scoreRubric } from "./inputs.js";
import type {
  EvaluationRubric,
  EvaluationSpec,
  Journal,
  Metric,
  ReportForm,
  ReportSettings,
  ReportThreshold,
  RowOptions,
} from "../types/index.js";

/** The checks of the arguments of evaluations, field by field. What rubrics are worth together, the wasm module checks. */

const TASKS = ["score", "classify", "compare"] as const;
/** Sequences that one forward pass computes at most. */
const MOST_AT_ONCE = 64;

const evaluationRubric = settings<EvaluationRubric>({
  name: text,
  rubric: (value) => value as EvaluationRubric["rubric"],
  weight: optional(finite),
  threshold: optional(finite),
  pass: optional(listOf(text)),
});

const journal: Check<Journal> = (value, where) => {
  const given = object(value, where);
  for (const name of ["get", "put"]) callback(given[name], `${where}.${name}`);
  // The object itself: its methods may need it.
  return value as Journal;
};

const batch: Check<number> = (value, where) => {
  const found = count(value, where);
  if (found < 1 || found > MOST_AT_ONCE) throw wrong(where, `a whole number from 1 to ${MOST_AT_ONCE}`, value);
  return found;
};

export const evaluationSpec = settings<EvaluationSpec>({
  task: oneOf(...TASKS),
  rubrics: listOf(evaluationRubric),
  batch: optional(batch),
  labelValues: optional(mapOf(text)),
  journal: optional(journal),
  onProgress: optional(callback),
});

/** The part of an evaluation that a report needs. More may be there. */
export const reportSpec = record<Pick<EvaluationSpec, "task" | "rubrics">>({
  task: oneOf(...TASKS),
  rubrics: listOf(evaluationRubric),
});

/** The rubrics with their task; without any, one without a name for the rows' own. */
export function termsOf({ task, rubrics }: Pick<EvaluationSpec, "task" | "rubrics">): Terms[] {
  if (rubrics.length === 0) return [{ name: "", task, rubric: null }];
  const fits = { score: scoreRubric, classify: classRubric, compare: text }[task] as Check<unknown>;
  return rubrics.map((rubric, index) => {
    const given = fits(rubric.rubric, `spec.rubrics[${index}].rubric`);
    return { ...rubric, task, rubric: given as Json };
  });
}

const rowFields = record<Record<string, Json>>({
  input: text,
  response: optional(text),
  responseA: optional(text),
  responseB: optional(text),
  reference: optional(text),
  context: optional((value, where) => (Array.isArray(value) ? listOf(text)(value, where) : text(value, where))),
  rubric: optional(json),
  criteria: optional(text),
});

const place = record<Pick<WireRow, "id" | "group" | "slice" | "systems" | "line">>({
  id: optional(text),
  group: optional(text),
  slice: optional(text),
  systems: optional(listOf(text)),
  line: optional(whole),
});

/** A row, its texts apart from its place and its labels. */
export const row: Check<WireRow> = (value, where) => {
  const { labels } = object(value, where);
  return { ...place(value, where), task: rowFields(value, where), labels: raters(labels, `${where}.labels`) };
};

/** Labels by the names of rubrics; those without a name are the only rubric's. */
const raters: Check<Record<string, Json[]>> = (value, where) => {
  if (value === undefined || value === null) return {};
  if (Array.isArray(value)) return { "": listOf(json)(value, where) };
  if (typeof value !== "object") return { "": [json(value, where)] };
  return mapOf((given, at) => (Array.isArray(given) ? listOf(json)(given, at) : [json(given, at)]))(value, where);
};

const columns: Check<string[]> = (value, where) =>
  Array.isArray(value) ? listOf(text)(value, where) : [text(value, where)];

export const rowOptions = settings<Omit<RowOptions, "map"> & { map?: Record<string, string[]> }>({
  name: optional(text),
  format: optional(oneOf("jsonl", "json", "csv", "tsv")),
  map: optional(mapOf(columns)),
});

const threshold = settings<ReportThreshold>({
  rubric: optional(text),
  metric: (value, where) => text(value, where) as Metric,
  atLeast: optional(finite),
  atMost: optional(finite),
});

export const reportSettings = settings<ReportSettings>({
  seed: optional(whole),
  resamples: optional(count),
  confidence: optional(finite),
  bins: optional(count),
  width: optional(finite),
  pass: optional(finite),
  scale: optional(listOf(finite)),
  labels: optional(listOf(text)),
  thresholds: optional(listOf(threshold)),
  own: optional(listOf(text)),
});

export const reportForm: Check<ReportForm> = oneOf("html", "markdown", "csv", "junit", "json");

function mapOf<T>(item: Check<T>): Check<Record<string, T>> {
  return (value, where) => {
    const entries = Object.entries(object(value, where)).filter(([, given]) => given !== undefined);
    return Object.fromEntries(entries.map(([key, given]) => [key, item(given, `${where}[${JSON.stringify(key)}]`)]));
  };
}
