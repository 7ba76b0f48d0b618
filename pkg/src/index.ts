/**
 * Lunette: an LLM judge that runs entirely on the client. Start at {@link Judge.load}.
 *
 * @packageDocumentation
 */
export { Engine } from "./engine.js";
export { LunetteError } from "./errors.js";
export type { ErrorCode } from "./errors.js";
export { Judge } from "./judge.js";
export type {
  Backend,
  CallOptions,
  Capability,
  ChatMessage,
  GenerateOptions,
  Generation,
  JudgeOptions,
  LoadOptions,
  ModelInfo,
  ModelRef,
  ModelSource,
  Progress,
  ScoreRubric,
  ScoreTask,
  ScoreVerdict,
  Timing,
  TokenLogprob,
  Usage,
} from "./types.js";
