/**
 * Scorers for autoevals, Braintrust's `Eval` and other libraries with the same interface. autoevals' own classifiers work with
 * the client of `lunette/openai`.
 *
 * @packageDocumentation
 */
import { object, text } from "../wire/check.js";
import { compareOptions, judgeOptions } from "../wire/inputs.js";
import type { Judge } from "../api/judge.js";
import type { CompareOptions, JudgeOptions } from "../types/index.js";
import { grade, gradeRubric, subjectOf } from "./grade.js";
import type { GradeRubric } from "./grade.js";
import { judgeOf } from "./model.js";

export type { GradedClassRubric, GradeRubric } from "./grade.js";

/** autoevals' score, with the data that it comes from. */
export interface Score {
  name: string;
  /** From 0 to 1. */
  score: number;
  metadata: Record<string, unknown>;
}

/** A row to score. Values other than strings are judged as JSON. */
export interface ScorerArgs {
  output: unknown;
  /** An answer that would earn the highest score. */
  expected?: unknown;
  /** The instruction that was answered. */
  input?: unknown;
  /** Passages that the answer should be based on. */
  context?: unknown;
  [key: string]: unknown;
}

/** How a scorer judges. */
export interface ScorerOptions extends Omit<JudgeOptions, "onToken"> {
  /** The score's name. Default `"Lunette"`. */
  name?: string;
}

/**
 * A scorer from a rubric. `metadata` holds `choice`, `rationale`, `distribution`, `outside` and `usage`.
 *
 * @throws {LunetteError} `invalid-argument`; the scorer rejects as {@link Judge.score}.
 */
export function createScorer(
  judge: Judge,
  rubric: GradeRubric,
  options: ScorerOptions = {},
): (args: ScorerArgs) => Promise<Score> {
  const checked = judgeOf(judge, "judge");
  const measure = gradeRubric(rubric, "rubric");
  const { name = "Lunette", ...rest } = object(options, "options");
  const settings = judgeOptions(rest, "options");
  return scorer(text(name, "options.name"), async (args: ScorerArgs) => {
    const { output, expected, input, context } = object(args, "args");
    const subject = subjectOf({
      input: [input, "args.input"],
      response: [output, "args.output"],
      reference: [expected, "args.expected"],
      context: [context, "args.context"],
    });
    const { score, ...metadata } = await grade(checked, measure, subject, settings);
    return { score, metadata };
  });
}

/** A row to compare. */
export interface BattleArgs {
  /** The response that should be better. */
  output: string;
  /** The response that it is compared with. */
  expected?: string;
  /** The instruction that both answer. */
  instructions?: string;
  [key: string]: unknown;
}

/** How two answers are compared. */
export interface BattleOptions extends Omit<CompareOptions, "onToken"> {
  /** The score's name. Default `"Battle"`. */
  name?: string;
  /** What makes a response better. Default: how well it follows the instructions. */
  criteria?: string;
}

/**
 * A scorer that compares `output` with `expected`, in both orders: the score is the probability that `output` is better.
 *
 * @throws {LunetteError} `invalid-argument`; the scorer rejects as {@link Judge.compare}.
 */
export function createBattle(judge: Judge, options: BattleOptions = {}): (args: BattleArgs) => Promise<Score> {
  const checked = judgeOf(judge, "judge");
  const {
    name = "Battle",
    criteria: given = "Which response follows the instructions better?",
    ...rest
  } = object(options, "options");
  const settings = compareOptions(rest, "options");
  const criteria = text(given, "options.criteria");
  return scorer(text(name, "options.name"), async (args: BattleArgs) => {
    const { output, expected, instructions } = object(args, "args");
    const task = {
      input: text(instructions, "args.instructions"),
      responseA: text(output, "args.output"),
      responseB: text(expected, "args.expected"),
      criteria,
    };
    const { winner, probabilityA, consistent, critique, outside } = await checked.compare(task, settings);
    const choice = { a: "output", b: "expected", tie: "tie" }[winner];
    return { score: probabilityA, metadata: { choice, consistent, rationale: critique, outside } };
  });
}

/** Sets the function's name, by which reports distinguish scorers. */
function scorer<A>(name: string, run: (args: A) => Promise<Omit<Score, "name">>): (args: A) => Promise<Score> {
  const scored = async (args: A): Promise<Score> => ({ name, ...(await run(args)) });
  return Object.defineProperty(scored, "name", { value: name, configurable: true });
}
