import { LunetteError } from "lunette";
import type { CompareOptions, EvaluationRubric, EvaluationSpec, JudgeOptions } from "lunette";
import { labelsOf, levelsOf, scaleOf } from "../../data/rubric";
import type { Label, Level, RubricFile } from "../../data/rubric";
import { DEFAULT_WAYS } from "../../data/setup";
import type { Kind } from "../../data/setup";

export type Task = EvaluationSpec["task"];

/** A rubric in the form. It keeps levels and labels, so that a change of the task loses neither. */
export interface RubricDraft {
  name: string;
  objective: string;
  levels: Level[];
  labels: Label[];
  weight: number;
  /** The lowest score that passes. */
  threshold?: number | null | undefined;
  /** The labels that pass. */
  pass: string[];
}

/** What the rows are judged for. */
export interface Form {
  task: Task;
  rubrics: RubricDraft[];
  critique: boolean;
  /** Tokens. */
  maxTokens: number;
  /** Number of orders of the levels or labels. */
  orders: number;
  bothOrders: boolean;
  /** What labels of the data mean: a score, a label of the rubric, a winner. */
  labelValues: Record<string, string>;
}

export const kindOfTask: Record<Task, Kind> = { score: "scale", classify: "labels", compare: "criteria" };

export const MOST_RUBRICS = 20;

const SCALE = {
  1: "Wrong or misleading.",
  2: "Mostly wrong.",
  3: "Half right, or right with a serious gap.",
  4: "Right, with a small gap.",
  5: "Right and complete.",
};
const LABELS = { Yes: "It is correct.", No: "It has a mistake." };

export function newRubric(name: string, objective = "Is the response correct?"): RubricDraft {
  return { name, objective, levels: levelsOf(SCALE), labels: labelsOf(LABELS), weight: 1, pass: [] };
}

export const newForm = (): Form => ({
  task: "score",
  rubrics: [newRubric("correctness")],
  critique: false,
  maxTokens: DEFAULT_WAYS.maxTokens,
  orders: 1,
  bothOrders: true,
  labelValues: {},
});

/** A name that no rubric has yet. */
export function freeName(rubrics: readonly RubricDraft[]): string {
  for (let n = rubrics.length + 1; ; n++) {
    const name = `rubric ${n}`;
    if (!rubrics.some((rubric) => rubric.name === name)) return name;
  }
}

/** Puts a rubric of a file into the form. Returns false if it is of the wrong kind. */
export function applyToDraft(draft: RubricDraft, task: Task, file: RubricFile): boolean {
  const kind = "scale" in file ? "scale" : "labels" in file ? "labels" : "criteria";
  if (kind !== kindOfTask[task]) return false;
  draft.objective = file.objective;
  if ("scale" in file) draft.levels = levelsOf(file.scale);
  if ("labels" in file) draft.labels = labelsOf(file.labels);
  return true;
}

export function fileOf(draft: RubricDraft, task: Task): RubricFile {
  const { objective, levels, labels } = draft;
  if (task === "score") return { objective, scale: scaleOf(levels) };
  if (task === "compare") return { objective };
  return { objective, labels: Object.fromEntries(labels.map(({ label, description }) => [label, description])) };
}

/** The rubrics as the package takes them. */
export function rubricsOf({ task, rubrics }: Form): EvaluationRubric[] {
  return rubrics.map((draft, index) => {
    const { name, weight, threshold, pass, labels } = draft;
    if (rubrics.findIndex((other) => other.name === name) !== index)
      throw new LunetteError("invalid-argument", `two rubrics are named ${JSON.stringify(name)}: rename one`);
    const twice = labels.find(({ label }, i) => labels.findIndex((other) => other.label === label) !== i);
    // As keys of an object, equal labels would silently merge.
    if (task === "classify" && twice)
      throw new LunetteError("invalid-argument", `the label ${JSON.stringify(twice.label)} is there twice in ${name}`);
    const file = fileOf(draft, task);
    const passing = pass.filter((name) => labels.some(({ label }) => label === name));
    return {
      name,
      rubric: task === "compare" ? file.objective : (file as EvaluationRubric["rubric"]),
      ...(weight === 1 ? {} : { weight }),
      ...(task === "score" && typeof threshold === "number" ? { threshold } : {}),
      ...(task === "classify" && passing.length > 0 ? { pass: passing } : {}),
    };
  });
}

export function optionsOf(form: Form): JudgeOptions & CompareOptions {
  const { critique, maxTokens, task, orders, bothOrders } = form;
  return {
    ...(critique ? { maxTokens } : { critique }),
    ...(task === "compare" ? { bothOrders } : { rubricOrders: orders }),
  };
}
