import type { Row, RowVerdict } from "lunette";
import type { RowList } from "./row-list";
import { isBad } from "./rows";
import type { AnyRow } from "./rows";

/** What a row is judged by, in the order of the package. */
const TEXTS = ["input", "response", "responseA", "responseB", "reference", "context", "rubric", "criteria"] as const;

/** Stands where the texts were, so that they come back to their place. */
const NONE = {};

/** A result without the texts that were judged. The data has them: of many rows they would fill the memory twice. */
export const withoutTexts = (result: RowVerdict): RowVerdict =>
  result.task === undefined || isEmpty(result.task) ? result : { ...result, task: NONE };

/** The result as the package gave it. */
export function withTexts(result: RowVerdict, text: AnyRow | undefined): RowVerdict {
  if (result.task === undefined || text === undefined || isBad(text)) return result;
  return { ...result, task: taskOf(text) };
}

/** Results with their texts, one by one, so that those of all are never there together. */
export function* eachWithTexts(results: readonly RowVerdict[], rows: RowList): Generator<RowVerdict, void, undefined> {
  for (const result of results) yield withTexts(result, rows.at(result.row));
}

const isEmpty = (task: object): boolean => Object.keys(task).length === 0;

const taskOf = (row: Row): Record<string, unknown> =>
  Object.fromEntries(TEXTS.flatMap((name) => (row[name] === undefined ? [] : [[name, row[name]]])));
