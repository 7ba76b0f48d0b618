import type { BadRow, Row } from "lunette";

/** Which columns a field is read from. */
export type ColumnMap = Record<string, string[]>;

/** A field that a column can be mapped to. */
export interface Target {
  field: string;
  name: string;
  /** Only needed where two responses are compared, or one is judged. */
  of?: "pair" | "single";
}

export const TARGETS: Target[] = [
  { field: "input", name: "Instruction" },
  { field: "response", name: "Response", of: "single" },
  { field: "responseA", name: "Response A", of: "pair" },
  { field: "responseB", name: "Response B", of: "pair" },
  { field: "reference", name: "Reference answer" },
  { field: "context", name: "Context" },
  { field: "label", name: "Human label" },
  { field: "id", name: "Name of the row" },
  { field: "group", name: "Group" },
  { field: "slice", name: "Kind of row" },
  { field: "system", name: "System", of: "single" },
  { field: "systemA", name: "System A", of: "pair" },
  { field: "systemB", name: "System B", of: "pair" },
];

export type AnyRow = Row | BadRow;

export const isBad = (row: AnyRow): row is BadRow => "reason" in row;

/** The passages of a row as one text. */
export const contextOf = ({ context }: { context?: string | string[] | undefined }): string =>
  Array.isArray(context) ? context.join("\n\n") : (context ?? "");

/** Whether a search finds a row. `needle` is in lower case. */
export function mentions(row: AnyRow, needle: string): boolean {
  if (isBad(row)) return [row.id, row.reason].some((text) => text?.toLowerCase().includes(needle));
  return [row.id, row.input, row.response, row.responseA, row.responseB, row.reference].some((text) =>
    text?.toLowerCase().includes(needle),
  );
}

/** What people said, of labels as they stand in the data. */
export const saidIn = (labels: unknown): unknown[] =>
  [labels ?? []].flat().filter((label: unknown) => label !== null && label !== "");
