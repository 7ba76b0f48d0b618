import { json } from "../wire/check.js";
import type { Client } from "../wire/client.js";
import { codeOf, LunetteError } from "../wire/errors.js";
import { row as checkRow } from "../wire/evaluation-inputs.js";
import type { Terms, WireRow } from "../wire/evaluation.js";
import * as inputs from "../wire/inputs.js";
import type { JudgeTasks } from "../wire/tasks.js";
import { VerdictStore } from "./verdict-store.js";
import type { Stored } from "./verdict-store.js";
import type {
  BadRow,
  EvaluationTask,
  Journal,
  Kept,
  KeptVerdict,
  ModelInfo,
  Row,
  RowError,
  RowVerdict,
  VerdictBase,
} from "../types/index.js";

/** What an evaluation needs of a judge. */
export interface Bench {
  client: Client;
  info: ModelInfo;
  judge<K extends EvaluationTask>(kind: K, task: JudgeTasks[K]["task"]): Promise<JudgeTasks[K]["verdict"]>;
  /** Adds the judge's calibration, if it has one. */
  calibrated<V extends { expected: number }>(verdict: V): Promise<V>;
}

/** A row's result, and what became of the row. */
export interface Judged {
  result: RowVerdict;
  /** Whether every rubric has a verdict. */
  whole: boolean;
  /** Whether no verdict was reached just now. */
  resumed: boolean;
}

/** Errors of a row, or of what it asks for. With any other error nothing can be judged any more. */
const OF_A_ROW: ReadonlySet<string> = new Set(["invalid-argument", "context-overflow", "chat-template"]);

/** The checks of a row's texts, with its own rubric or the evaluation's. */
const TASKS = { score: inputs.scoreTask, classify: inputs.classifyTask, compare: inputs.compareTask };

/** Judges rows one by one, under all rubrics of an evaluation. */
export class RowJudge {
  readonly #verdicts: VerdictStore;

  /** @param settings all that verdicts depend on beside rubric and row, as text. */
  constructor(
    private readonly bench: Bench,
    private readonly terms: Terms[],
    private readonly meanings: Record<string, string>,
    private readonly settings: string,
    journal: Journal | undefined,
  ) {
    this.#verdicts = new VerdictStore(journal);
  }

  /** @throws {LunetteError} only what ends the run. */
  async judge(number: number, given: Row | BadRow): Promise<Judged> {
    const bad = badRow(given);
    if (bad !== undefined) return unreadable(number, bad);
    let row: WireRow;
    try {
      row = checkRow(given, "row");
    } catch (error) {
      return unreadable(number, { reason: messageOf(error), ...placeOf(given) });
    }
    const prepared = await this.bench.client.call("prepareRow", [this.terms, this.meanings, this.settings, row]);
    if (prepared.reason !== undefined) return unreadable(number, { ...row, reason: prepared.reason });
    const { labels, hashes } = prepared;
    const found = await Promise.all(
      this.terms.map((terms, index) => this.#verdicts.find(hashes[index] ?? "", () => this.#reach(terms, row.task))),
    );
    const stored = found.map((entry) => entry.stored);
    const { verdicts, errors } = await this.#named(stored);
    const whole = Object.keys(errors).length === 0;
    const result: RowVerdict = {
      row: number,
      ...placeIn(row),
      task: row.task,
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(verdicts).length === 0 ? {} : { verdicts }),
      ...(whole ? await this.bench.client.call("rowWorth", [this.terms, row.task, verdicts]) : { errors }),
    };
    return { result, whole, resumed: found.every(({ fresh }) => !fresh) };
  }

  async #reach(terms: Terms, row: WireRow["task"]): Promise<Stored> {
    const { task: kind, rubric } = terms;
    try {
      const own = kind === "compare" ? "criteria" : "rubric";
      const task = { [own]: rubric ?? undefined, ...row };
      if (task[own] === undefined) return { error: invalidRow(`the row has no ${own}, and the evaluation gives none`) };
      const checked = checkedTask(kind, task);
      if ("error" in checked) return { error: checked.error };
      return { verdict: kept(await this.bench.judge(kind, checked.task as never)) as KeptVerdict };
    } catch (error) {
      const code = codeOf(error);
      if (code === undefined || !OF_A_ROW.has(code)) throw error;
      return { error: { code, message: messageOf(error) } };
    }
  }

  /** Verdicts and errors by the names of their rubrics. */
  async #named(stored: Stored[]): Promise<{ verdicts: Record<string, KeptVerdict>; errors: Record<string, RowError> }> {
    const verdicts: [string, KeptVerdict][] = [];
    const errors: [string, RowError][] = [];
    for (const [index, { name }] of this.terms.entries()) {
      const { verdict, error } = stored[index] ?? {};
      if (verdict !== undefined) {
        verdicts.push([name, "expected" in verdict ? await this.bench.calibrated(verdict) : verdict]);
      } else if (error !== undefined) errors.push([name, error]);
    }
    return { verdicts: Object.fromEntries(verdicts), errors: Object.fromEntries(errors) };
  }
}

function checkedTask(kind: EvaluationTask, task: unknown): { task: unknown } | { error: RowError } {
  try {
    return { task: TASKS[kind](task, "row") };
  } catch (error) {
    return { error: invalidRow(messageOf(error)) };
  }
}

/** Takes out of a verdict what differs from run to run. */
function kept<V extends VerdictBase>(verdict: V): Kept<V> {
  const { promptTokens, completionTokens } = verdict.usage;
  const copy: Omit<V, "timing"> & { timing?: V["timing"] } = { ...verdict };
  delete copy.timing;
  return { ...copy, usage: { promptTokens, completionTokens } } as Kept<V>;
}

function badRow(given: unknown): (Partial<BadRow> & { reason: string }) | undefined {
  const { reason } = (given ?? {}) as Partial<BadRow>;
  const bad = typeof reason === "string" && typeof given === "object" && given !== null && !("input" in given);
  return bad ? { reason, ...placeOf(given) } : undefined;
}

/** All that a result keeps of a row beside its texts and labels. */
export function placeIn({ line, id, group, slice, systems }: WireRow): Omit<WireRow, "task" | "labels"> {
  return {
    ...(line === undefined ? {} : { line }),
    ...(id === undefined ? {} : { id }),
    ...(group === undefined ? {} : { group }),
    ...(slice === undefined ? {} : { slice }),
    ...(systems === undefined ? {} : { systems }),
  };
}

/** The line and the id of what may be no row. */
function placeOf(given: unknown): { line?: number; id?: string } {
  const { line, id } = (given ?? {}) as Partial<Row>;
  return { ...(typeof line === "number" ? { line } : {}), ...(typeof id === "string" ? { id } : {}) };
}

function unreadable(row: number, { line, id, reason }: Partial<BadRow> & { reason: string }): Judged {
  const error = invalidRow(line === undefined ? reason : `line ${line}: ${reason}`);
  const place = { ...(line === undefined ? {} : { line }), ...(id === undefined ? {} : { id }) };
  return { result: { row, ...place, error }, whole: false, resumed: false };
}

const invalidRow = (message: string): RowError => ({ code: "invalid-row", message });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** All that the verdicts of a judge depend on beside rubric and row. Not the device: verdicts are the model's. */
export async function settingsText(bench: Bench, options: object): Promise<string> {
  const { name, architecture, quantization, parameters, vocabularySize, contextLength, loraAdapters } = bench.info;
  const given = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  const model = [name, architecture, quantization, parameters, vocabularySize, contextLength, loraAdapters];
  return JSON.stringify(json([model, await sample(bench.client), given], "options"));
}

/** What the chat template makes of a message: it may be another than the file's. */
async function sample(client: Client): Promise<string> {
  try {
    return (await client.call("chatPrompt", [[{ role: "user", content: "…" }]])).text;
  } catch (error) {
    if (error instanceof LunetteError && error.code === "chat-template") return "";
    throw error;
  }
}
