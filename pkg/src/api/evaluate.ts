import { wrong } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import { termsOf } from "../wire/evaluation-inputs.js";
import { RowJudge, settingsText } from "./evaluation.js";
import type { Bench, Judged } from "./evaluation.js";
import type { BadRow, EvaluationProgress, EvaluationSpec, Row, RowVerdict } from "../types/index.js";

/** Rows of a data set. */
export type Rows = Iterable<Row | BadRow> | AsyncIterable<Row | BadRow>;

/** Sequences that the engine computes at once, where a load does not say otherwise. */
const BATCH = 16;

/**
 * Judges rows several at a time, and gives their results in their order. A row is taken when a place is free, and places
 * become free as results are taken.
 *
 * @param options those of the judge, for the hash of a verdict.
 * @param signal ends the run.
 */
export async function* evaluate(
  bench: Bench,
  rows: Rows,
  spec: EvaluationSpec,
  options: object,
  signal: AbortSignal,
): AsyncGenerator<RowVerdict, void, undefined> {
  const terms = termsOf(spec);
  await bench.client.call("checkTerms", [terms]);
  const settings = await settingsText(bench, options);
  const judge = new RowJudge(bench, terms, spec.labelValues ?? {}, settings, spec.journal);
  const tally = new Tally(Array.isArray(rows) ? rows.length : undefined, spec.onProgress);
  const source = new Source(rows);
  // A row's rubrics share most of their prompts, so they run together.
  const atOnce = Math.max(1, Math.floor((spec.batch ?? BATCH) / terms.length));
  const running: Promise<Judged | undefined>[] = [];
  const begin = () => {
    const judged = source.next().then((next) => next && judge.judge(next.number, next.row));
    // A failure is met when its turn comes.
    judged.catch(() => undefined);
    running.push(judged);
  };
  try {
    for (;;) {
      while (running.length < atOnce) begin();
      const judged = await unlessAborted(running.shift(), signal);
      // Rows end in order, so behind the first that is missing there is none.
      if (judged === undefined) return;
      tally.count(judged);
      yield judged.result;
    }
  } finally {
    source.close();
  }
}

/** Takes rows one by one, in turn, and numbers them. */
class Source {
  readonly #rows: Iterator<Row | BadRow> | AsyncIterator<Row | BadRow>;
  #turn: Promise<unknown> = Promise.resolve();
  #count = 0;
  #open = true;

  constructor(rows: Rows) {
    if (typeof rows === "object" && Symbol.asyncIterator in rows) this.#rows = rows[Symbol.asyncIterator]();
    else if (typeof rows === "object" && Symbol.iterator in rows) this.#rows = rows[Symbol.iterator]();
    else throw wrong("rows", "an array, or another iterable or async iterable of rows", rows);
  }

  next(): Promise<{ number: number; row: Row | BadRow } | undefined> {
    const next = this.#turn.then(async () => {
      if (!this.#open) return undefined;
      const next: IteratorResult<Row | BadRow, unknown> = await this.#rows.next();
      if (next.done !== true) return { number: this.#count++, row: next.value };
      this.#open = false;
      return undefined;
    });
    this.#turn = next;
    return next;
  }

  /** Lets the rows' source end. Whether it does is its own matter. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    void Promise.resolve(this.#rows.return?.()).catch(() => undefined);
  }
}

/** What `work` gives, or an error as soon as the run is to end: rows may come from where nobody knows of that. */
function unlessAborted<T>(work: Promise<T> | undefined, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(new LunetteError("aborted", "The evaluation was aborted.", { cause: signal.reason }));
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    Promise.resolve(work)
      .finally(() => signal.removeEventListener("abort", abort))
      .then(resolve, reject);
  });
}

/** Gives every call a signal of its own, which follows `signal`: Node warns of a signal that many listen to. */
export function followers(signal: AbortSignal): <T>(call: (signal: AbortSignal) => Promise<T>) => Promise<T> {
  const running = new Set<AbortController>();
  signal.addEventListener("abort", () => running.forEach((control) => control.abort(signal.reason)), { once: true });
  return async (call) => {
    const control = new AbortController();
    if (signal.aborted) control.abort(signal.reason);
    running.add(control);
    try {
      return await call(control.signal);
    } finally {
      running.delete(control);
    }
  };
}

/** How far a run is. */
class Tally {
  #rows = 0;
  #failed = 0;
  #resumed = 0;
  #fresh = 0;
  readonly #start = performance.now();

  constructor(
    private readonly total: number | undefined,
    private readonly onProgress: ((progress: EvaluationProgress) => void) | undefined,
  ) {}

  count({ whole, resumed }: Judged): void {
    this.#rows += 1;
    if (!whole) this.#failed += 1;
    if (resumed) this.#resumed += 1;
    else this.#fresh += 1;
    this.onProgress?.(this.#progress());
  }

  #progress(): EvaluationProgress {
    const progress: EvaluationProgress = { rows: this.#rows, failed: this.#failed, resumed: this.#resumed };
    if (this.total !== undefined) progress.total = this.total;
    const minutes = (performance.now() - this.#start) / 60_000;
    if (this.#fresh === 0 || minutes <= 0) return progress;
    progress.rowsPerMinute = this.#fresh / minutes;
    if (this.total !== undefined) progress.etaMs = ((this.total - this.#rows) / progress.rowsPerMinute) * 60_000;
    return progress;
  }
}
