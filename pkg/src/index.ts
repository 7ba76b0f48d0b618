/**
 * Lunette: an LLM judge that runs entirely on the client. Start at {@link Judge.load}.
 *
 * @packageDocumentation
 */
export { Engine } from "./engine.js";
export { LunetteError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { Judge } from "./judge.js";
export { Models } from "./models.js";
export { Panel } from "./panel.js";
export type {
  PanelClass,
  PanelClassVerdict,
  PanelPreference,
  PanelPreferenceVerdict,
  PanelScore,
  PanelScoreVerdict,
} from "./panel.js";
export { parseRubric, parseTemplate } from "./parse.js";
export { planLoad } from "./plan.js";
export { fitCalibration, rankResults } from "./statistics.js";
export type {
  Agreement,
  CalibrationFit,
  CalibrationMap,
  CalibrationOptions,
  CalibrationReport,
  PairwiseResult,
  Ranking,
  RankOptions,
  Standing,
} from "./statistics.js";
export type {
  Backend,
  BuiltInTemplate,
  CachedModel,
  CallOptions,
  Capability,
  CatalogueEntry,
  ChatMessage,
  ClassifyManyTask,
  ClassifyTask,
  ClassRubric,
  ClassVerdict,
  CompareOptions,
  CompareTask,
  Comparison,
  Constraint,
  GenerateOptions,
  Generation,
  JudgeOptions,
  LoadOptions,
  LoadPlan,
  ModelInfo,
  ModelRef,
  ModelSource,
  OrderVerdict,
  PreferenceVerdict,
  Progress,
  RankTask,
  RankVerdict,
  Recovery,
  Reliability,
  ScoreManyTask,
  ScoreRubric,
  ScoreTask,
  ScoreVerdict,
  StorageUsage,
  Template,
  Timing,
  TokenLogprob,
  Usage,
  VerdictBase,
} from "./types.js";
