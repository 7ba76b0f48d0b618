import { text } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import type { Journal } from "../types/index.js";

const TABLE = "verdicts";

/**
 * A journal in the browser's IndexedDB, in a database of its own. It outlives the page. `indexedDB.deleteDatabase(name)` empties
 * it.
 *
 * @throws {LunetteError} `invalid-argument`; its methods reject with `quota` where there is no room, and with `source` where the
 * browser keeps nothing.
 */
export function indexedDbJournal(name: string): Journal {
  return new IndexedDbJournal(text(name, "name"));
}

class IndexedDbJournal implements Journal {
  #open: Promise<IDBDatabase> | undefined;

  constructor(private readonly name: string) {}

  async get(hash: string): Promise<string | undefined> {
    return this.#with("readonly", (table) => table.get(hash)) as Promise<string | undefined>;
  }

  async put(hash: string, text: string): Promise<void> {
    await this.#with("readwrite", (table) => table.put(text, hash));
  }

  /** Resolves when the transaction is done: before that, nothing is kept. */
  async #with(mode: IDBTransactionMode, ask: (table: IDBObjectStore) => IDBRequest): Promise<unknown> {
    try {
      const database = await this.#database();
      return await new Promise((resolve, reject) => {
        const transaction = database.transaction(TABLE, mode);
        const request = ask(transaction.objectStore(TABLE));
        transaction.oncomplete = () => resolve(request.result);
        transaction.onabort = () => reject(transaction.error ?? new Error("the transaction was aborted"));
      });
    } catch (cause) {
      throw fault(this.name, cause);
    }
  }

  #database(): Promise<IDBDatabase> {
    this.#open ??= new Promise((resolve, reject) => {
      const request = indexedDB.open(this.name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
      request.onerror = () => reject(request.error ?? new Error("the database cannot be opened"));
      request.onsuccess = () => {
        const database = request.result;
        const forget = () => (this.#open = undefined);
        database.onclose = forget;
        // Somebody deletes the database.
        database.onversionchange = () => {
          database.close();
          forget();
        };
        resolve(database);
      };
    });
    this.#open.catch(() => (this.#open = undefined));
    return this.#open;
  }
}

function fault(name: string, cause: unknown): LunetteError {
  if (cause instanceof DOMException && cause.name === "QuotaExceededError") {
    return new LunetteError("quota", "There is no room for more verdicts. Free some of this site's storage.", {
      cause,
    });
  }
  const why = cause instanceof Error ? cause.message : String(cause);
  const message = `The journal ${JSON.stringify(name)} cannot be used: ${why}. Private windows and strict settings keep nothing.`;
  return new LunetteError("source", message, { cause });
}
