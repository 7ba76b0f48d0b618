import { report } from "lunette";
import type { EvaluationRubric, Report, ReportSettings, RowVerdict } from "lunette";
import { faultOf } from "../../data/faults";
import type { Fault } from "../../data/faults";
import type { Task } from "../data/form";

/** Rows × resamples that a report on the screen may take: a second or two. Files are made with all resamples. */
const MOST_WORK = 2_000_000;
const RESAMPLES = 1000;

export interface Judged {
  task: Task;
  rubrics: EvaluationRubric[];
}

/** The resamples for so many rows. */
const resamplesFor = (rows: number): number => Math.min(RESAMPLES, Math.floor(MOST_WORK / Math.max(rows, 1)));

/** A report that follows the results. Only the latest one counts. */
export class Agreement {
  report = $state.raw<Report>();
  computing = $state(false);
  fault = $state.raw<Fault>();
  #turn = 0;

  async compute(results: RowVerdict[], judged: Judged, settings: ReportSettings = {}): Promise<void> {
    const turn = ++this.#turn;
    this.computing = true;
    try {
      const made = await report(results, judged, { resamples: resamplesFor(results.length), ...settings });
      if (turn !== this.#turn) return;
      this.report = made;
      this.fault = undefined;
    } catch (error) {
      if (turn === this.#turn) this.fault = faultOf(error);
    } finally {
      if (turn === this.#turn) this.computing = false;
    }
  }

  clear(): void {
    this.#turn++;
    this.report = undefined;
    this.fault = undefined;
    this.computing = false;
  }
}
