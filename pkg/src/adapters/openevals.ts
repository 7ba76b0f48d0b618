/**
 * Evaluators for openevals and LangSmith. openevals' own `createLLMAsJudge` works with the client of `lunette/openai`.
 *
 * @packageDocumentation
 */
import { object, text } from "../wire/check.js";
import { judgeOptions } from "../wire/inputs.js";
import type { Judge } from "../api/judge.js";
import type { JudgeOptions } from "../types/index.js";
import { grade, gradeRubric, subjectOf } from "./grade.js";
import type { GradeRubric } from "./grade.js";
import { judgeOf } from "./model.js";

export type { GradedClassRubric, GradeRubric } from "./grade.js";

/** A row to evaluate. Values other than strings are judged as JSON. */
export interface EvaluatorParams {
  /** The instruction that was answered. */
  inputs?: unknown;
  /** The answer. */
  outputs?: unknown;
  /** An answer that would earn the highest score. */
  referenceOutputs?: unknown;
  /** The same, by the name in LangSmith's datasets. */
  reference_outputs?: unknown;
  /** Passages that the answer should be based on. */
  context?: unknown;
  [key: string]: unknown;
}

/** openevals' result, with the data that it comes from. */
export interface EvaluatorResult {
  key: string;
  /** From 0 to 1. */
  score: number;
  /** The critique, if any. */
  comment?: string;
  metadata: { choice: string; distribution: Record<string, number>; outside: number };
}

/** How an evaluator judges. */
export interface EvaluatorOptions extends Omit<JudgeOptions, "onToken"> {
  /** The result's key. Default `"score"`. */
  feedbackKey?: string;
}

/**
 * An evaluator from a rubric. Its score is the expected score between the ends of the scale, or the score of the chosen label.
 *
 * @throws {LunetteError} `invalid-argument`; the evaluator rejects as {@link Judge.score}.
 */
export function createJudgeEvaluator(
  judge: Judge,
  rubric: GradeRubric,
  options: EvaluatorOptions = {},
): (params: EvaluatorParams) => Promise<EvaluatorResult> {
  const checked = judgeOf(judge, "judge");
  const measure = gradeRubric(rubric, "rubric");
  const { feedbackKey, ...rest } = object(options, "options");
  const settings = judgeOptions(rest, "options");
  const key = feedbackKey === undefined ? "score" : text(feedbackKey, "options.feedbackKey");
  return async (params) => {
    const { inputs, outputs, referenceOutputs, reference_outputs, context } = object(params, "params");
    const subject = subjectOf({
      input: [inputs, "params.inputs"],
      response: [outputs, "params.outputs"],
      reference: [referenceOutputs ?? reference_outputs, "params.referenceOutputs"],
      context: [context, "params.context"],
    });
    const { score, choice, rationale, distribution, outside } = await grade(checked, measure, subject, settings);
    const result: EvaluatorResult = { key, score, metadata: { choice, distribution, outside } };
    return rationale === null ? result : { ...result, comment: rationale };
  };
}
