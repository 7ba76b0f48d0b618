/**
 * What Q is near to: a goal of the head by its name ({@link ModelInfo.goals}); several with weights, so that one is followed
 * more than another, or shunned (below 0); or a state of one's own from {@link Judge.goalFrom}.
 */
export type GoalChoice = string | Record<string, number> | Float32Array | readonly number[];

/** How {@link Engine.generate} is led to a goal of the head ({@link LoadOptions.head}). */
export interface Guide {
  /** Default: all goals of the head alike. */
  goal?: GoalChoice;
  /** How much nearness to the goal counts beside the mean log-probability of a step's tokens. Default 1. */
  weight?: number;
  /** How often each step is drawn, 1 to 64. Default 4. */
  candidates?: number;
  /** Most tokens of a step. Default 32. */
  stepTokens?: number;
}
