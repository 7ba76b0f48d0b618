import type { EvaluationRubric, Row } from "lunette";
import type { Answer } from "./answers";
import { isBad, saidIn } from "./rows";
import type { AnyRow } from "./rows";

/** Lines of JSON. In pieces, because a string has a limit. */
export function lines(values: Iterable<unknown>): Promise<Blob> {
  const parts = Array.from(values, (value) => `${JSON.stringify(value)}\n`);
  return Promise.resolve(new Blob(parts, { type: "application/jsonl" }));
}

/** The name of a file without its ending. */
export const stem = (name: string): string => name.replace(/\.[^.]*$/, "") || "evaluation";

/**
 * The rows that can be judged, with the labels that were given by hand behind those of the data. What was rated is named as in
 * a map, `label.NAME`, where there are several rubrics.
 */
export function* labelledRows(
  rows: Iterable<AnyRow>,
  labelOf: (row: number, rubric: string) => Answer | undefined,
  rubrics: readonly EvaluationRubric[],
): Generator<Record<string, unknown>, void, undefined> {
  const [only] = rubrics;
  let next = 0;
  for (const row of rows) {
    const number = next++;
    if (isBad(row)) continue;
    const { labels: given, ...texts } = row;
    delete texts.line;
    const own = rubrics.flatMap(({ name }) => {
      const answer = labelOf(number, name);
      return answer === undefined ? [] : [[name, answer] as const];
    });
    if (rubrics.length === 1 && only) yield { ...texts, ...oneLabel(given, only.name, own[0]?.[1]) };
    else yield { ...texts, labels: { ...named(given), ...Object.fromEntries(own) } };
  }
}

function oneLabel(given: Row["labels"], name: string, own: unknown): { label?: unknown } {
  const there = named(given);
  const others = saidIn(there[name] ?? there[""]);
  const all = own === undefined ? others : [...others, own];
  return all.length === 0 ? {} : { label: all.length === 1 ? all[0] : all };
}

function named(given: Row["labels"]): Record<string, unknown> {
  if (given === undefined || given === null) return {};
  return typeof given === "object" && !Array.isArray(given) ? { ...given } : { "": given };
}
