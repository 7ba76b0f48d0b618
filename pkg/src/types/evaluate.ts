// Evaluations: rows, how they are judged, and what becomes of each.
import type { Usage } from "./generate.js";
import type { ClassRubric, ClassVerdict, PreferenceVerdict, ScoreRubric, ScoreVerdict, VerdictBase } from "./judge.js";

/** What is asked of each row of a data set. */
export type EvaluationTask = "score" | "classify" | "compare";

/** A row to be judged, as `lunette evaluate` reads it: with `response`, or with `responseA` and `responseB`. */
export interface Row {
  id?: string;
  /** What rows share that are not independent of each other: a document, a conversation, an author. */
  group?: string;
  /** What kind of row it is: a category, a subset. The report has figures of each. */
  slice?: string;
  /** Who wrote the response, or A and B: the report has a leaderboard of comparisons. */
  systems?: string[];
  /** Where it stands in its file, counted from 1. */
  line?: number;
  /** The instruction that was answered. */
  input: string;
  response?: string;
  responseA?: string;
  responseB?: string;
  /** A perfect answer. */
  reference?: string;
  /** Passages that the response should be based on. */
  context?: string | string[];
  /** Of this row only, in place of the evaluation's. */
  rubric?: ScoreRubric | ClassRubric;
  /** Of this row only, in place of the evaluation's: what makes a response better. */
  criteria?: string;
  /**
   * What people said: one value, one for each rater (`null` where one said nothing), or such lists by the names of rubrics.
   * Numbers, labels, or winners as `"a"`, `"b"` and `"tie"`; {@link EvaluationSpec.labelValues} translates others.
   */
  labels?: unknown;
}

/** An entry of a file that cannot be judged. It keeps its place among the rows, and its result is an `error`. */
export interface BadRow {
  line: number;
  id?: string;
  reason: string;
}

/** A rubric of an evaluation, and what its verdicts count. */
export interface EvaluationRubric {
  /** How results and report call it. */
  name: string;
  /** The task's rubric; of comparisons, the criteria. */
  rubric: ScoreRubric | ClassRubric | string;
  /** How much it counts in a row's `overall` score. Default 1. */
  weight?: number;
  /** Score: the lowest score that passes. */
  threshold?: number;
  /** Classify: the labels that pass. */
  pass?: string[];
}

/** Keeps finished verdicts, so that an evaluation that ended early goes on where it was. */
export interface Journal {
  /** The text that was put under `hash`. */
  get(hash: string): Promise<string | undefined>;
  /** Resolves when the text is kept. Equal verdicts may be put twice. */
  put(hash: string, text: string): Promise<void>;
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** Rows that are done. */
  rows: number;
  /** Where it is known: of an array. */
  total?: number;
  /** Those that lack a verdict. */
  failed: number;
  /** Those whose verdicts were all in the journal. */
  resumed: number;
  /** Over the rows that were judged now. */
  rowsPerMinute?: number;
  /** Time that is left, where `total` is known. */
  etaMs?: number;
}

/** What an evaluation is asked for. */
export interface EvaluationSpec {
  task: EvaluationTask;
  /** With different names. May be empty where every row has its own rubric or criteria. */
  rubrics: EvaluationRubric[];
  /** Rows judged at the same time, times the rubrics of each: 1 to 64. Default 16. */
  batch?: number;
  /** What labels of the data mean: `{ 0: "a", 1: "b" }`. */
  labelValues?: Record<string, string>;
  /**
   * Keeps every verdict the moment it is reached, under a hash of the model, the adapter, the options, the rubric and the row. A
   * verdict that is there already is not reached again.
   */
  journal?: Journal;
  /** Called when a row is done, which can be before its result is given: results keep the order of the rows. */
  onProgress?: (progress: EvaluationProgress) => void;
}

/** Why there is no verdict. */
export interface RowError {
  /** As {@link LunetteError.code}, or `"invalid-row"`. */
  code: string;
  message: string;
}

/** A verdict as results keep it: without what differs from run to run. */
export type KeptVerdict = Kept<ScoreVerdict> | Kept<ClassVerdict> | Kept<PreferenceVerdict>;

/** A verdict without its time, and without what the cache did for it. */
export type Kept<V extends VerdictBase> = Omit<V, "timing" | "usage"> & { usage: Omit<Usage, "cachedTokens"> };

/** What became of a row: a line of `results.jsonl` of `lunette evaluate`, field for field. */
export interface RowVerdict {
  /** Counted from 0. */
  row: number;
  line?: number;
  id?: string;
  group?: string;
  slice?: string;
  systems?: string[];
  /** The texts that were judged, and the row's own rubric or criteria. */
  task?: Record<string, unknown>;
  /** What people said, as the task takes it: by rubric, one value for each rater. */
  labels?: Record<string, unknown[]>;
  /** By rubric. Without rubrics, the row's own has the name `""`. */
  verdicts?: Record<string, KeptVerdict>;
  /** By rubric, where there is no verdict. */
  errors?: Record<string, RowError>;
  /** Why the row could not be judged at all. */
  error?: RowError;
  /** The weighted mean of the rubrics' grades, 0 to 1. */
  overall?: number;
  /** Whether all rubrics are passed that say what passes. */
  passed?: boolean;
}

/** A file's format. */
export type RowFormat = "jsonl" | "json" | "csv" | "tsv";

/** How a file of rows is read. */
export interface RowOptions {
  /** The file's name, whose ending helps where the content leaves a choice. Default: that of a `File`. */
  name?: string;
  /** Default: recognized. */
  format?: RowFormat;
  /**
   * Which columns are what: `input`, `response`, `responseA`, `responseB`, `reference`, `context`, `rubric`, `criteria`, `id`,
   * `group`, `slice`, `system`, `systemA`, `systemB`, `label`, and `label.NAME` for one of several things rated. Several columns are joined; those of a label are its
   * raters. A path such as `response.text` leads into objects. Default: by the columns' names and the file's shape.
   */
  map?: Record<string, string | string[]>;
}

/** A file of rows. Every iteration reads it anew, from its beginning. */
export interface RowFile extends AsyncIterable<Row | BadRow> {
  format: RowFormat;
  /** What kind of data it was recognized as, in a word. */
  shape: string;
  /** Where each field comes from. */
  columns: Record<string, string>;
  /** The file's own columns. */
  names: string[];
}
