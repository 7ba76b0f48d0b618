import { LunetteError } from "lunette";
import type { ClassifyTask, CompareOptions, CompareTask, JudgeOptions, RankTask, ScoreTask } from "lunette";
import { scaleOf } from "./rubric";
import type { ClassifyDraft, CompareDraft, RankDraft, ScoreDraft, Ways } from "./setup";

/** The temperature of several critiques: high enough that they differ, low enough that they stay coherent. */
const VOTING_TEMPERATURE = 0.7;

/** An empty field is not part of the task. */
function extras({ reference, context }: { reference: string; context: string }) {
  return {
    ...(reference.trim() === "" ? {} : { reference }),
    ...(context.trim() === "" ? {} : { context }),
  };
}

export function scoreTask(draft: ScoreDraft): ScoreTask {
  const { input, response, objective, levels } = draft;
  return { input, response, ...extras(draft), rubric: { objective, scale: scaleOf(levels) } };
}

export function classifyTask(draft: ClassifyDraft): ClassifyTask {
  const { input, response, objective, labels } = draft;
  const twice = labels.find(({ label }, i) => labels.findIndex((other) => other.label === label) !== i);
  // As keys of an object, equal labels would silently merge.
  if (twice) throw new LunetteError("invalid-argument", `the label ${JSON.stringify(twice.label)} is there twice`);
  const described = Object.fromEntries(labels.map(({ label, description }) => [label, description]));
  return { input, response, ...extras(draft), rubric: { objective, labels: described } };
}

export function compareTask(draft: CompareDraft): CompareTask {
  const { input, objective, responses } = draft;
  const [responseA, responseB] = responses;
  return { input, responseA, responseB, criteria: objective, ...extras(draft) };
}

export function rankTask(draft: RankDraft): RankTask {
  const { input, objective, responses } = draft;
  return { input, responses: [...responses], criteria: objective, ...extras(draft) };
}

function reading({ critique, maxTokens, samples, thinking }: Ways): JudgeOptions {
  const thought: JudgeOptions =
    thinking === "auto" ? {} : { thinking: thinking === "off" ? "off" : { maxTokens: thinking } };
  if (!critique) return { critique, ...thought };
  const votes = samples > 1 ? { samples, temperature: VOTING_TEMPERATURE } : {};
  return { maxTokens, ...votes, ...thought };
}

export const judgeOptions = (ways: Ways): JudgeOptions => ({ ...reading(ways), rubricOrders: ways.orders });
export const compareOptions = (ways: Ways): CompareOptions => ({ ...reading(ways), bothOrders: ways.bothOrders });
