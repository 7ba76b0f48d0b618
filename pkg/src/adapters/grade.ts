import { finite, object, record, text, wrong } from "../wire/check.js";
import type { Check } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import { classRubric, scoreRubric } from "../wire/inputs.js";
import type { Judge } from "../api/judge.js";
import type { ClassRubric, JudgeOptions, ScoreRubric, ScoreTask, Usage } from "../types/index.js";

/** A class rubric with a score for each label. */
export interface GradedClassRubric extends ClassRubric {
  /** From 0 to 1, one for each label. May be left out for the labels Yes (1) and No (0). */
  choiceScores?: Record<string, number>;
}

/** A rubric for a grade: a scale, or labels with scores. */
export type GradeRubric = ScoreRubric | GradedClassRubric;

/** A response to grade. */
export type Subject = Omit<ScoreTask, "rubric">;

/** A verdict as a number between 0 and 1, which libraries can average. */
export interface Grade {
  /** From 0 to 1: the expected score between the ends of the scale, or the score of the chosen label. */
  score: number;
  /** The chosen score or label. */
  choice: string;
  /** Of a scale: the expected score. */
  expected?: number;
  rationale: string | null;
  /** Probability of each score or label; with `outside` it sums to 1. */
  distribution: Record<string, number>;
  outside: number;
  usage: Usage;
}

const worth: Check<number> = (value, where) => {
  const given = finite(value, where);
  if (given < 0 || given > 1) throw wrong(where, "a number from 0 to 1", value);
  return given;
};

const YES_NO: Record<string, number> = { Yes: 1, No: 0 };

/** Checks a rubric of either kind. Returns a class rubric with the scores of its labels. */
export const gradeRubric: Check<ScoreRubric | Required<GradedClassRubric>> = (value, where) => {
  const { labels, scale, choiceScores } = object(value, where);
  if (scale !== undefined && labels !== undefined) {
    throw new LunetteError("invalid-argument", `${where} must have a scale or labels, but has both.`);
  }
  if (labels === undefined) return scoreRubric(value, where);
  const rubric = classRubric(value, where);
  const names = Object.keys(rubric.labels);
  if (choiceScores === undefined && names.every((name) => Object.hasOwn(YES_NO, name))) {
    return { ...rubric, choiceScores: YES_NO };
  }
  const at = `${where}.choiceScores`;
  const unknown = Object.keys(object(choiceScores, at)).find((name) => !names.includes(name));
  if (unknown !== undefined) throw wrong(`a key of ${at}`, `one of the labels ${names.join(", ")}`, unknown);
  const scores = record<Record<string, number>>(Object.fromEntries(names.map((name) => [name, worth])));
  return { ...rubric, choiceScores: scores(choiceScores, at) };
};

/** Judges, and scales the verdict to 0..1. A failure is an error, never a low grade. */
export async function grade(
  judge: Judge,
  rubric: ScoreRubric | Required<GradedClassRubric>,
  subject: Subject,
  options: JudgeOptions,
): Promise<Grade> {
  if ("labels" in rubric) {
    const { choiceScores, ...labels } = rubric;
    const { label, critique, distribution, outside, usage } = await judge.classify(
      { ...subject, rubric: labels },
      options,
    );
    const score = choiceScores[label];
    if (score === undefined) throw new LunetteError("internal", `The label ${label} has no score. Please report it.`);
    return { score, choice: label, rationale: critique, distribution, outside, usage };
  }
  const verdict = await judge.score({ ...subject, rubric }, options);
  const levels = Object.keys(rubric.scale).map(Number);
  const lowest = Math.min(...levels);
  const { score, expected, critique, distribution, outside, usage } = verdict;
  return {
    // Rounding may put the expected score slightly outside of its scale.
    score: Math.min(1, Math.max(0, (expected - lowest) / (Math.max(...levels) - lowest))),
    choice: String(score),
    expected,
    rationale: critique,
    distribution,
    outside,
    usage,
  };
}

/** A value, and the caller's name for it. */
type Named = readonly [value: unknown, where: string];

/** A subject from values of any kind. Values other than strings become JSON. Null, as in a dataset's row, counts as absent. */
export function subjectOf(fields: { input: Named; response: Named; reference: Named; context: Named }): Subject {
  const [input, at] = fields.input;
  const subject: Subject = { input: asText(input ?? "", at), response: asText(...fields.response) };
  const [reference, context] = [fields.reference[0], fields.context[0]];
  if (reference !== undefined && reference !== null) subject.reference = asText(...fields.reference);
  if (context !== undefined && context !== null) subject.context = passages(...fields.context);
  return subject;
}

const passages: Check<string | string[]> = (value, where) =>
  Array.isArray(value) ? value.map((entry, i) => asText(entry, `${where}[${i}]`)) : asText(value, where);

function asText(value: unknown, where: string): string {
  if (typeof value === "string") return text(value, where);
  let written: unknown;
  try {
    written = JSON.stringify(value);
  } catch (cause) {
    throw new LunetteError("invalid-argument", `${where} cannot be written as JSON (${String(cause)}).`, { cause });
  }
  // There is no JSON for undefined and functions.
  if (typeof written !== "string") throw wrong(where, "a text, or a value that JSON can hold", value);
  return text(written, where);
}
