import type { BadRow, Row } from "lunette";
import { isBad, saidIn } from "./rows";
import type { AnyRow } from "./rows";

/** Rows that are packed, and unpacked, together. */
const PIECE = 64;
/** With more, labels are numbers of a scale. */
const MOST_VALUES = 12;
/** Unpacked pieces that are kept: those that a list shows, and the one that a search is at. */
const MOST_OPEN = 8;

/**
 * The rows of a data set, as UTF-8. As objects, a hundred thousand take several times the memory, and the browser's collector
 * asks for as much again.
 */
export class RowList implements Iterable<AnyRow> {
  readonly #pieces: Uint8Array[] = [];
  #tail: AnyRow[] = [];
  readonly #bad = new Set<number>();
  #labelled = 0;
  #withOwn = 0;
  readonly #values = new Set<string>();
  /** The latest last. */
  readonly #open = new Map<number, AnyRow[]>();

  static of(rows: Iterable<AnyRow>): RowList {
    const list = new RowList();
    for (const row of rows) list.push(row);
    return list;
  }

  get length(): number {
    return this.#pieces.length * PIECE + this.#tail.length;
  }

  /** Rows that can be judged. */
  get good(): number {
    return this.length - this.#bad.size;
  }

  /** Rows with a human label. */
  get labelled(): number {
    return this.#labelled;
  }

  /** The different labels, as texts, where they are few. */
  get labelValues(): string[] {
    return this.#values.size > MOST_VALUES ? [] : [...this.#values].sort();
  }

  /** Whether every row that can be judged brings its own rubric. */
  get ownRubrics(): boolean {
    return this.good > 0 && this.#withOwn === this.good;
  }

  push(row: AnyRow): void {
    if (isBad(row)) this.#bad.add(this.length);
    else {
      const said = labelsOf(row);
      if (said.length > 0) this.#labelled += 1;
      // One more than are shown tells that there are too many.
      for (const label of said) if (this.#values.size <= MOST_VALUES) this.#values.add(String(label));
      if (row.rubric !== undefined || row.criteria !== undefined) this.#withOwn += 1;
    }
    this.#tail.push(row);
    if (this.#tail.length < PIECE) return;
    this.#pieces.push(new TextEncoder().encode(JSON.stringify(this.#tail)));
    this.#tail = [];
  }

  at(row: number): AnyRow | undefined {
    return this.#piece(Math.floor(row / PIECE))?.[row % PIECE];
  }

  /** Whether there is such a row, and it can be judged. Unpacks nothing. */
  isGood(row: number): boolean {
    return row < this.length && !this.#bad.has(row);
  }

  *[Symbol.iterator](): Generator<AnyRow, void, undefined> {
    for (let row = 0; row < this.length; row++) {
      const here = this.at(row);
      if (here !== undefined) yield here;
    }
  }

  /** The first rows. */
  first(most: number): AnyRow[] {
    return Array.from({ length: Math.min(most, this.length) }, (_, row) => this.at(row)).filter(
      (row) => row !== undefined,
    );
  }

  /** The first of those that can be judged. */
  firstGood(most: number): Row[] {
    const found: Row[] = [];
    for (let row = 0; row < this.length && found.length < most; row++) {
      const here = this.isGood(row) ? this.at(row) : undefined;
      if (here !== undefined && !isBad(here)) found.push(here);
    }
    return found;
  }

  /** The first of those that cannot. */
  firstBad(most: number): BadRow[] {
    return [...this.#bad].slice(0, most).flatMap((row) => {
      const here = this.at(row);
      return here !== undefined && isBad(here) ? [here] : [];
    });
  }

  #piece(number: number): AnyRow[] | undefined {
    const bytes = this.#pieces[number];
    if (bytes === undefined) return number === this.#pieces.length ? this.#tail : undefined;
    const rows = this.#open.get(number) ?? (JSON.parse(new TextDecoder().decode(bytes)) as AnyRow[]);
    this.#open.delete(number);
    this.#open.set(number, rows);
    const [oldest] = this.#open.keys();
    if (this.#open.size > MOST_OPEN && oldest !== undefined) this.#open.delete(oldest);
    return rows;
  }
}

/** What people said of a row, of whatever they rated. */
function labelsOf({ labels }: Row): unknown[] {
  const byName = typeof labels === "object" && labels !== null && !Array.isArray(labels);
  return (byName ? Object.values(labels) : [labels]).flatMap(saidIn);
}
