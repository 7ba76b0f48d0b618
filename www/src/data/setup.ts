import type { Label, Level, RubricFile } from "./rubric";
import { labelsOf, levelsOf } from "./rubric";

/** What can be asked of the judge, each in a tab of its own. */
export type Tab = "score" | "classify" | "compare" | "rank";

/** What a rubric consists of beside its objective. */
export type Kind = "scale" | "labels" | "criteria";

/** How the verdict is reached. */
export interface Ways {
  critique: boolean;
  /** Tokens. */
  maxTokens: number;
  /** Critiques that vote. */
  samples: number;
  /** Orders in which levels or labels are listed. */
  orders: number;
  /** Of comparisons: judge A first and B first. */
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

/** What the forms hold, tab by tab. */
export interface Drafts {
  score: ScoreDraft;
  classify: ClassifyDraft;
  compare: CompareDraft;
  rank: RankDraft;
}

/** One tab's form, as an example or a link carries it. */
export type Setup = { [T in Tab]: { tab: T; draft: Drafts[T] } }[Tab];

export const kindOf = { score: "scale", classify: "labels", compare: "criteria", rank: "criteria" } as const;

/** A critique past this length goes round in circles, with a small judge. */
export const DEFAULT_WAYS: Ways = { critique: true, maxTokens: 128, samples: 1, orders: 1, bothOrders: true };

/** Puts a rubric into a form of its kind, in place of the one there. Returns whether it was of that kind. */
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

/** The rubric that a form holds, as its file would. */
export function rubricOf({ tab, draft }: Setup): RubricFile {
  const { objective } = draft;
  if (tab === "score")
    return { objective, scale: Object.fromEntries(draft.levels.map((level) => [level.score, level.description])) };
  if (tab === "classify")
    return { objective, labels: Object.fromEntries(draft.labels.map((entry) => [entry.label, entry.description])) };
  return { objective };
}
