import type { ScoreTask } from "lunette";

/** What the form holds. Level `i` describes score `i + 1`. */
export interface Draft {
  input: string;
  response: string;
  reference: string;
  objective: string;
  levels: string[];
}

/** The task that a draft stands for. A reference left empty is none. */
export function taskOf({ input, response, reference, objective, levels }: Draft): ScoreTask {
  const scale = Object.fromEntries(levels.map((description, index) => [index + 1, description]));
  const task: ScoreTask = { input, response, rubric: { objective, scale } };
  if (reference.trim() !== "") task.reference = reference;
  return task;
}
