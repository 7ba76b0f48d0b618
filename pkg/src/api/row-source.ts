import { wrong } from "../wire/check.js";
import type { BadRow, Row } from "../types/index.js";

/** Rows of a data set. */
export type Rows = Iterable<Row | BadRow> | AsyncIterable<Row | BadRow>;

/** A row with its number in the data. */
export interface Numbered {
  number: number;
  row: Row | BadRow;
}

/** Rows of a list that are looked at together. */
const WINDOW = 64;

/** How many rows there are, where that is known. */
export function countOf(rows: unknown): number | undefined {
  const { length } = (rows ?? {}) as { length?: unknown };
  return typeof length === "number" ? length : undefined;
}

/** Takes rows one by one, in turn, and numbers them. */
export class Source {
  readonly #rows: Iterator<Row | BadRow> | AsyncIterator<Row | BadRow>;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;
  #open = true;

  constructor(rows: Rows) {
    if (typeof rows === "object" && Symbol.asyncIterator in rows) this.#rows = rows[Symbol.asyncIterator]();
    else if (typeof rows === "object" && Symbol.iterator in rows) this.#rows = rows[Symbol.iterator]();
    else throw wrong("rows", "an array, or another iterable or async iterable of rows", rows);
  }

  next(): Promise<Numbered | undefined> {
    const next = this.#turn.then(() => this.take());
    this.#turn = next;
    return next;
  }

  /** Lets the rows' source end. Whether it does is its own matter. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    void Promise.resolve(this.#rows.return?.()).catch(() => undefined);
  }

  protected async take(): Promise<Numbered | undefined> {
    if (!this.#open) return undefined;
    const next: IteratorResult<Row | BadRow, unknown> = await this.#rows.next();
    if (next.done !== true) return { number: this.#count++, row: next.value };
    this.#open = false;
    return undefined;
  }
}

/**
 * Takes rows that begin alike one behind the other: what they share of their prompts is computed once then, and not again when
 * the cache has long been full of others. Only of a list: rows that come from elsewhere are taken no sooner than they are needed.
 */
export class GroupedSource extends Source {
  /** Rows that were looked at, in their order. */
  readonly #seen: Numbered[] = [];
  #next = 0;
  #last: string | undefined;

  protected override async take(): Promise<Numbered | undefined> {
    // The first that waits bounds how far others overtake it.
    while (this.#next - (this.#seen[0]?.number ?? this.#next) < WINDOW) {
      const row = await super.take();
      if (row === undefined) break;
      this.#seen.push(row);
      this.#next = row.number + 1;
    }
    const alike = this.#seen.findIndex(({ row }) => this.#last !== undefined && beginning(row) === this.#last);
    const [taken] = this.#seen.splice(Math.max(alike, 0), 1);
    this.#last = taken && beginning(taken.row);
    return taken;
  }
}

/** What stands first in the prompt of a row: its passages, else its instruction. The row is not checked yet. */
function beginning(row: unknown): string | undefined {
  const { context, input } = (row ?? {}) as Partial<Row>;
  const first: unknown = Array.isArray(context) ? context.join("\n\n") : (context ?? input);
  return typeof first === "string" ? first : undefined;
}
