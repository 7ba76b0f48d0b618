import { LunetteError } from "lunette";
import type { CalibrationMap, Journal, RowVerdict } from "lunette";
import { deleteDB, openDB } from "idb";
import type { DBSchema, IDBPDatabase } from "idb";
import type { Fault } from "../../data/faults";
import type { Answer } from "./answers";
import type { Form } from "./form";
import { withoutTexts } from "./results";
import type { ColumnMap } from "./rows";

/** A run as it is kept on this machine: what was asked, and its data. */
export interface StoredRun {
  /** The name of the file. */
  name: string;
  file: Blob;
  map: ColumnMap;
  form: Form;
  /** Rows, those that cannot be judged too. */
  total: number;
  /** The name of the judge that it was begun with. */
  judge: string;
  calibration?: CalibrationMap | undefined;
}

/** Labels given by hand, by the name of the rubric. */
export type HandLabels = Record<string, Answer>;

interface Schema extends DBSchema {
  run: { key: "run"; value: StoredRun };
  /** Without texts, which the data has. */
  results: { key: number; value: RowVerdict };
  labels: { key: number; value: HandLabels };
}

const NAME = "lunette-evaluation";
/** The journal of the package, for the page's runs. */
export const JOURNAL = "lunette-evaluation-journal";
const TABLES = ["run", "results", "labels"] as const;
/** Values that are read at once. */
const PIECE = 500;

export interface Kept {
  run: StoredRun;
  /** By the number of their row, with holes. */
  results: RowVerdict[];
  labels: HandLabels[];
}

/** The one run that this machine keeps, in IndexedDB. */
export class Store {
  #db: Promise<IDBPDatabase<Schema>> | undefined;

  /** What was kept at the last visit. */
  async load(): Promise<Kept | undefined> {
    const db = await this.#open();
    const run = await db.get("run", "run");
    if (run === undefined) return undefined;
    const results = await table(db, "results", withoutTexts);
    const labels = await table(db, "labels", (labels) => labels);
    return { run, results, labels };
  }

  /** Begins a run in the place of the last one. */
  async begin(run: StoredRun): Promise<void> {
    const db = await this.#open();
    const change = db.transaction(TABLES, "readwrite");
    await Promise.all([
      change.objectStore("results").clear(),
      change.objectStore("labels").clear(),
      change.objectStore("run").put(run, "run"),
      change.done,
    ]);
  }

  async update(run: StoredRun): Promise<void> {
    await (await this.#open()).put("run", run, "run");
  }

  async keepResults(results: readonly RowVerdict[]): Promise<void> {
    const db = await this.#open();
    const change = db.transaction("results", "readwrite");
    await Promise.all([...results.map((result) => change.store.put(result, result.row)), change.done]);
  }

  async clearResults(): Promise<void> {
    await (await this.#open()).clear("results");
  }

  async keepLabels(row: number, labels: HandLabels): Promise<void> {
    const db = await this.#open();
    if (Object.keys(labels).length === 0) await db.delete("labels", row);
    else await db.put("labels", labels, row);
  }

  /** Deletes the run and the verdicts of its journal. */
  async forget(): Promise<void> {
    const db = await this.#open();
    this.#db = undefined;
    db.close();
    await Promise.all([deleteDB(NAME), deleteDB(JOURNAL)]);
  }

  #open(): Promise<IDBPDatabase<Schema>> {
    this.#db ??= openDB<Schema>(NAME, 1, {
      upgrade: (db) => TABLES.forEach((name) => db.createObjectStore(name)),
      // Another tab deletes it: let go.
      blocking: (_, __, event) => {
        (event.target as IDBDatabase).close();
        this.#db = undefined;
      },
    });
    this.#db.catch(() => (this.#db = undefined));
    return this.#db;
  }
}

/** A table by its keys. In pieces, so that what `bare` leaves out of many values is never there together. */
async function table<N extends "results" | "labels">(
  db: IDBPDatabase<Schema>,
  name: N,
  bare: (value: Schema[N]["value"]) => Schema[N]["value"],
): Promise<Schema[N]["value"][]> {
  const list: Schema[N]["value"][] = [];
  let range: IDBKeyRange | undefined;
  for (;;) {
    const { store } = db.transaction(name);
    const [keys, values] = await Promise.all([store.getAllKeys(range, PIECE), store.getAll(range, PIECE)]);
    keys.forEach((key, i) => {
      const value = values[i];
      if (value !== undefined) list[key] = bare(value);
    });
    const last = keys.at(-1);
    if (last === undefined || keys.length < PIECE) return list;
    range = IDBKeyRange.lowerBound(last, true);
  }
}

/** A journal whose failures do not end a run: it goes on without being kept. */
export function forgiving(journal: Journal, onfailure: (error: unknown) => void): Journal {
  return {
    get: (hash) => journal.get(hash).catch(() => undefined),
    put: (hash, text) => journal.put(hash, text).catch(onfailure),
  };
}

/** Why a run cannot be kept, and what that means. */
export function storageFault(error: unknown): Fault {
  const full =
    (error instanceof DOMException && error.name === "QuotaExceededError") ||
    (error instanceof LunetteError && error.code === "quota");
  return {
    title: full ? "This machine has no room for the run" : "This browser keeps nothing for this page",
    message: full
      ? "It goes on, but what comes now is lost when the page is closed. Export the results before, or free some space: the list of kept judges deletes the largest files."
      : "The run goes on, but it is lost when the page is closed. Export the results before. Private windows and strict settings keep nothing.",
    code: full ? "quota" : "storage",
  };
}
