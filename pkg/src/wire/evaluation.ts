import type { Json } from "./check.js";
import type { EvaluationTask, Row, BadRow, RowFormat } from "../types/index.js";

/** A rubric of an evaluation, as the wasm module takes it. */
export interface Terms {
  name: string;
  task: EvaluationTask;
  /** The rubric for rows that bring none; of comparisons, the criteria. */
  rubric: Json;
  weight?: number;
  threshold?: number;
  pass?: string[];
}

/** A row as the wasm module takes it. */
export interface WireRow {
  line?: number;
  id?: string;
  group?: string;
  slice?: string;
  systems?: string[];
  task: Record<string, Json>;
  labels: Record<string, Json[]>;
}

/** What a row has before it is judged, or why it cannot be judged. */
export type PreparedRow = { labels: Record<string, unknown[]>; hashes: string[]; reason?: never } | { reason: string };

/** What the verdicts of a row come to. */
export interface Worth {
  overall?: number;
  passed?: boolean;
}

/** A file of rows: a `Blob`, or an address. */
export type WireRows = Blob | string;

/** What a file of rows was recognized as. */
export interface RowsAbout {
  format: RowFormat;
  shape: string;
  columns: Record<string, string>;
  names: string[];
}

/** Rows of a file, one behind the other. */
export interface RowBatch {
  rows: (Row | BadRow)[];
  done: boolean;
}
