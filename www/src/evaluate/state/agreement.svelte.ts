import { report } from "lunette";
import type { EvaluationRubric, ReportSettings, RowVerdict } from "lunette";
import { faultOf } from "../../data/faults";
import type { Fault } from "../../data/faults";
import type { Task } from "../data/form";
import { eachWithTexts } from "../data/results";
import type { RowList } from "../data/row-list";
import { figuresOf, NOWHERE, standingsOf } from "../data/standing";
import type { ByRubric, Figures } from "../data/standing";

/** Rows × resamples that a report on the screen may take: a second or two. Files are made with all resamples. */
const MOST_WORK = 2_000_000;
const RESAMPLES = 1000;
/** Rows whose texts a report on the screen is given. It shows one figure of them, and of more they take too much memory. */
const MOST_TEXTS = 20_000;

export interface Judged {
  task: Task;
  rubrics: EvaluationRubric[];
}

/** The resamples for so many rows. */
const resamplesFor = (rows: number): number => Math.min(RESAMPLES, Math.floor(MOST_WORK / Math.max(rows, 1)));

/** A report that follows the results. Only the latest one counts. */
export class Agreement {
  report = $state.raw<Figures>();
  /** By the name of the rubric. */
  standings = $state.raw<ByRubric>(NOWHERE);
  computing = $state(false);
  fault = $state.raw<Fault>();
  #turn = 0;

  /** @param rows the data, which has the texts of the results. */
  async compute(results: RowVerdict[], rows: RowList, judged: Judged, settings: ReportSettings = {}): Promise<void> {
    const turn = ++this.#turn;
    this.computing = true;
    try {
      const texts = results.length <= MOST_TEXTS;
      const given = texts ? eachWithTexts(results, rows) : results;
      const made = await report(given, judged, {
        details: texts,
        resamples: resamplesFor(results.length),
        ...settings,
      });
      if (turn !== this.#turn) return;
      // Of many rows, a report that lists them takes as much memory as the verdicts.
      this.report = figuresOf(made);
      this.standings = standingsOf(made, results);
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
    this.standings = NOWHERE;
    this.fault = undefined;
    this.computing = false;
  }
}
