import type {
  ClassifyManyTask,
  ClassifyTask,
  ClassVerdict,
  CompareTask,
  PreferenceVerdict,
  RankTask,
  RankVerdict,
  ScoreManyTask,
  ScoreTask,
  ScoreVerdict,
} from "../types/index.js";

/** Every kind of task, with what comes of it. */
export interface JudgeTasks {
  score: { task: ScoreTask; verdict: ScoreVerdict };
  scoreMany: { task: ScoreManyTask; verdict: ScoreVerdict[] };
  classify: { task: ClassifyTask; verdict: ClassVerdict };
  classifyMany: { task: ClassifyManyTask; verdict: ClassVerdict[] };
  compare: { task: CompareTask; verdict: PreferenceVerdict };
  rank: { task: RankTask; verdict: RankVerdict };
}

export type JudgeKind = keyof JudgeTasks;

/** What a panel reads of its judges' verdicts. */
export type ScoreBallot = Pick<ScoreVerdict, "score" | "expected" | "distribution">;
export type ClassBallot = Pick<ClassVerdict, "label" | "distribution">;
export type PreferenceBallot = Pick<PreferenceVerdict, "winner" | "probabilityA">;
