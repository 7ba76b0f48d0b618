import { LunetteError } from "../wire/errors.js";
import { termsOf } from "../wire/evaluation-inputs.js";
import { RowJudge, settingsText } from "./evaluation.js";
import type { Bench, Judged } from "./evaluation.js";
import { countOf, GroupedSource, Source } from "./row-source.js";
import type { Rows } from "./row-source.js";
import type { EvaluationProgress, EvaluationSpec, RowVerdict } from "../types/index.js";

/** Sequences that the engine computes at once, where a load does not say otherwise. */
const BATCH = 16;

/**
 * Judges rows several at a time, and gives their results in their order. A row is taken when a place is free, and places
 * become free as results are taken. Rows of a list that begin alike are judged one behind the other.
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
  const total = countOf(rows);
  const tally = new Tally(total, spec.onProgress);
  const source = total === undefined ? new Source(rows) : new GroupedSource(rows);
  // A row's rubrics share most of their prompts, so they run together.
  const atOnce = Math.max(1, Math.floor((spec.batch ?? BATCH) / terms.length));
  const running: Promise<Judged | undefined>[] = [];
  const done = new Map<number, Judged>();
  const begin = () => {
    const judged = source.next().then((next) => next && judge.judge(next.number, next.row));
    // A failure is met when its turn comes.
    judged.catch(() => undefined);
    running.push(judged);
  };
  try {
    for (let due = 0; ; due += 1) {
      while (!done.has(due)) {
        while (running.length < atOnce) begin();
        const judged = await unlessAborted(running.shift(), signal);
        // Behind the first that is missing there is none, and all before it are done.
        if (judged === undefined) return;
        done.set(judged.result.row, judged);
        tally.count(judged);
      }
      const judged = done.get(due);
      if (judged === undefined) return;
      done.delete(due);
      yield judged.result;
    }
  } finally {
    source.close();
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
