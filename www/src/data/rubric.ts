import type { ClassRubric, ScoreRubric } from "lunette";

/** A level of a scale in a form. */
export interface Level {
  score: number;
  description: string;
}

/** A label in a form. */
export interface Label {
  label: string;
  description: string;
}

/** A rubric as in its file: a scale, labels, or the criteria of a comparison. */
export type RubricFile = ScoreRubric | ClassRubric | { objective: string };

export const levelsOf = (scale: ScoreRubric["scale"]): Level[] =>
  Object.entries(scale)
    .map(([score, description]) => ({ score: Number(score), description }))
    .sort((a, b) => a.score - b.score);

export const labelsOf = (labels: ClassRubric["labels"]): Label[] =>
  Object.entries(labels).map(([label, description]) => ({ label, description }));

export const scaleOf = (levels: readonly Level[]): ScoreRubric["scale"] =>
  Object.fromEntries(levels.map(({ score, description }) => [score, description]));

/** The position of a level between the lowest, 0, and the highest, 1. */
export const placeOf = (index: number, levels: number): number => index / Math.max(levels - 1, 1);

/** Adds a level above the highest, one step of the scale away, without a description. */
export function addLevel(levels: Level[]): void {
  const highest = levels.at(-1)?.score ?? 0;
  const step = highest - (levels.at(-2)?.score ?? highest - 1);
  // A sum of fractions such as 0.1 + 0.2 has digits that nobody wrote.
  levels.push({ score: Number((highest + step).toPrecision(12)), description: "" });
}

/** Removes a description. Those above it move down one score, so that the scale keeps its steps. */
export function removeLevel(levels: Level[], index: number): void {
  for (let i = index; i + 1 < levels.length; i++) {
    const [level, above] = [levels[i], levels[i + 1]];
    if (level && above) level.description = above.description;
  }
  levels.pop();
}

/** Swaps a level's description with its neighbour's. The scores stay in order. */
export function moveLevel(levels: Level[], index: number, by: 1 | -1): void {
  const [level, other] = [levels[index], levels[index + by]];
  if (level && other) [level.description, other.description] = [other.description, level.description];
}

export function moveLabel(labels: Label[], index: number, by: 1 | -1): void {
  const [label, other] = [labels[index], labels[index + by]];
  if (label && other) [labels[index], labels[index + by]] = [other, label];
}

/** The text of a rubric's file. */
export async function writeRubric(rubric: RubricFile, format: "yaml" | "json"): Promise<string> {
  if (format === "json") return `${JSON.stringify(rubric, null, 2)}\n`;
  // Import on demand: most visitors export nothing.
  const { dump } = await import("js-yaml");
  return dump(rubric, { lineWidth: 100 });
}
