/**
 * Lunette: an LLM judge that runs entirely on the client. Start at {@link Judge.load}.
 *
 * @packageDocumentation
 */
export { Engine } from "./api/engine.js";
export { LunetteError } from "./wire/errors.js";
export type { ErrorCode } from "./wire/errors.js";
export { Judge } from "./api/judge.js";
export { Models } from "./api/models.js";
export { Panel } from "./api/panel.js";
export { parseRubric, parseTemplate } from "./api/parse.js";
export { planLoad } from "./api/plan.js";
export { fitCalibration, rankResults } from "./api/statistics.js";
export type {
  Agreement,
  Backend,
  BuiltInTemplate,
  CachedModel,
  CalibrationFit,
  CalibrationMap,
  CalibrationOptions,
  CalibrationReport,
  AdapterChoice,
  CallOptions,
  Capability,
  CatalogueEntry,
  ChatMessage,
  ChatPrompt,
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
  PairwiseResult,
  PanelClass,
  PanelClassVerdict,
  PanelPreference,
  PanelPreferenceVerdict,
  PanelScore,
  PanelScoreVerdict,
  PreferenceVerdict,
  Progress,
  Ranking,
  RankOptions,
  RankTask,
  RankVerdict,
  ReadOptions,
  Recovery,
  Reliability,
  ScoreManyTask,
  ScoreRubric,
  ScoreTask,
  ScoreVerdict,
  Standing,
  StorageUsage,
  Template,
  Thinking,
  Timing,
  TokenLogprob,
  TokenPlace,
  Usage,
  VerdictBase,
} from "./types/index.js";
