import type {
  ClassifyManyTask,
  ClassifyTask,
  ClassVerdict,
  CompareTask,
  PreferenceVerdict,
  RankTask,
  RankVerdict,
  Filtering,
  Reranking,
  RewardManyTask,
  RewardTask,
  RewardVerdict,
  ScoreManyTask,
  ScoreTask,
  ScoreVerdict,
} from "../types/index.js";

/** Every kind of task, with its verdict. */
export interface JudgeTasks {
  score: { task: ScoreTask; verdict: ScoreVerdict };
  scoreMany: { task: ScoreManyTask; verdict: ScoreVerdict[] };
  classify: { task: ClassifyTask; verdict: ClassVerdict };
  classifyMany: { task: ClassifyManyTask; verdict: ClassVerdict[] };
  compare: { task: CompareTask; verdict: PreferenceVerdict };
  rank: { task: RankTask; verdict: RankVerdict };
}

export type JudgeKind = keyof JudgeTasks;

/** Every kind of task of the reward model. */
export interface RewardTasks {
  reward: { task: RewardTask; verdict: RewardVerdict };
  rerank: { task: RewardManyTask; verdict: Reranking };
  filter: { task: RewardManyTask; verdict: Filtering };
}

export type RewardKind = keyof RewardTasks;

/** The parts of a verdict that a panel combines. */
export type ScoreBallot = Pick<ScoreVerdict, "score" | "expected" | "distribution">;
export type ClassBallot = Pick<ClassVerdict, "label" | "distribution">;
export type PreferenceBallot = Pick<PreferenceVerdict, "winner" | "probabilityA">;
