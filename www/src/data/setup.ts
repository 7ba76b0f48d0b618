import type { Label, Level, RubricFile } from "./rubric";
import { labelsOf, levelsOf } from "./rubric";

/** The tasks. Each has a tab with a form. */
export type Tab = "score" | "classify" | "compare" | "rank";

/** The tabs that have a state of their own. */
export type Apart = "reward" | "evaluate";

/** All tabs. */
export type View = Tab | Apart;

/** The kinds of rubrics, by what they have beside the objective. */
export type Kind = "scale" | "labels" | "criteria";

/** Options of the judgement. */
export interface Ways {
  critique: boolean;
  /** Tokens. */
  maxTokens: number;
  /** Whether a judge that can think does so first: as its template has it, never, or for so many tokens. */
  thinking: "auto" | "off" | number;
  /** Number of critiques that vote. */
  samples: number;
  /** Number of orders of the levels or labels. */
  orders: number;
  /** In a comparison: judge both orders. */
  bothOrders: boolean;
}

interface Texts {
  input: string;
  reference: string;
  context: string;
  objective: string;
  ways: Ways;
}

export interface ScoreDraft extends Texts {
  response: string;
  levels: Level[];
}

export interface ClassifyDraft extends Texts {
  response: string;
  labels: Label[];
}

export interface CompareDraft extends Texts {
  responses: [string, string];
}

export interface RankDraft extends Texts {
  responses: string[];
}

/** The content of all forms, by tab. */
export interface Drafts {
  score: ScoreDraft;
  classify: ClassifyDraft;
  compare: CompareDraft;
  rank: RankDraft;
}

/** The content of one tab's form, as in an example or a link. */
export type Setup = { [T in Tab]: { tab: T; draft: Drafts[T] } }[Tab];

export const kindOf = { score: "scale", classify: "labels", compare: "criteria", rank: "criteria" } as const;

/** A small judge repeats itself in critiques that are longer than this. */
export const DEFAULT_WAYS: Ways = {
  critique: true,
  maxTokens: 128,
  thinking: "auto",
  samples: 1,
  orders: 1,
  bothOrders: true,
};

/** Puts a rubric into a form. Returns false if it is of the wrong kind. */
export function applyRubric(setup: Setup, rubric: RubricFile): boolean {
  const { tab, draft } = setup;
  if (tab === "score") {
    if (!("scale" in rubric)) return false;
    draft.levels = levelsOf(rubric.scale);
  } else if (tab === "classify") {
    if (!("labels" in rubric)) return false;
    draft.labels = labelsOf(rubric.labels);
  } else if ("scale" in rubric || "labels" in rubric) return false;
  draft.objective = rubric.objective;
  return true;
}

/** The rubric in a form. */
export function rubricOf({ tab, draft }: Setup): RubricFile {
  const { objective } = draft;
  if (tab === "score")
    return { objective, scale: Object.fromEntries(draft.levels.map((level) => [level.score, level.description])) };
  if (tab === "classify")
    return { objective, labels: Object.fromEntries(draft.labels.map((entry) => [entry.label, entry.description])) };
  return { objective };
}
