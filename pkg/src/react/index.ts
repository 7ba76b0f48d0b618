/**
 * React hooks: a judge that is loaded and freed with its component, and a verdict that streams.
 *
 * @packageDocumentation
 */
export { useJudge } from "./use-judge.js";
export type { JudgeState, UseJudge } from "./use-judge.js";
export type { UseJudgeOptions } from "./shared.js";
export { useVerdict } from "./use-verdict.js";
export type { UseVerdict, VerdictKind, VerdictState, VerdictTasks } from "./use-verdict.js";
