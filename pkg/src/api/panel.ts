import { wrong } from "../wire/check.js";
import { clientOf } from "./engine.js";
import * as inputs from "../wire/inputs.js";
import { Judge } from "./judge.js";
import type {
  ClassifyTask,
  CompareOptions,
  CompareTask,
  JudgeOptions,
  PanelClassVerdict,
  PanelPreferenceVerdict,
  PanelScoreVerdict,
  ScoreTask,
} from "../types/index.js";

/**
 * Several judges that vote. They judge in parallel. If one fails, the others are stopped, and the panel rejects with its
 * error. `onToken` gets the number of the judge as `index`.
 */
export class Panel {
  /** In the order of `verdicts`. */
  readonly judges: readonly Judge[];

  private constructor(judges: readonly Judge[]) {
    this.judges = judges;
  }

  /**
   * A panel of these judges. The caller still disposes of them.
   *
   * @throws {LunetteError} `invalid-argument` when there is none.
   */
  static of(judges: readonly Judge[]): Panel {
    if (!Array.isArray(judges) || judges.length === 0) throw wrong("judges", "a list of at least one judge", judges);
    judges.forEach((judge: unknown, index) => {
      if (!(judge instanceof Judge)) throw wrong(`judges[${index}]`, "a Judge", judge);
    });
    return new Panel(Object.freeze([...(judges as readonly Judge[])]));
  }

  /**
   * Scores one response. It combines the judges' uncalibrated scores; `calibrated` is in `verdicts`.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async score(task: ScoreTask, options: JudgeOptions = {}): Promise<PanelScoreVerdict> {
    const settings = inputs.judgeOptions(options, "options");
    const verdicts = await this.#ask(settings, (judge, own) => judge.score(task, own));
    const ballots = verdicts.map(({ score, expected, distribution }) => ({ score, expected, distribution }));
    return { ...(await this.#client.call("combineScores", [ballots])), verdicts };
  }

  /**
   * Gives one response one of the labels of a rubric.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async classify(task: ClassifyTask, options: JudgeOptions = {}): Promise<PanelClassVerdict> {
    const settings = inputs.judgeOptions(options, "options");
    const verdicts = await this.#ask(settings, (judge, own) => judge.classify(task, own));
    const ballots = verdicts.map(({ label, distribution }) => ({ label, distribution }));
    return { ...(await this.#client.call("combineClasses", [ballots])), verdicts };
  }

  /**
   * Says which of two responses is better.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async compare(task: CompareTask, options: CompareOptions = {}): Promise<PanelPreferenceVerdict> {
    const settings = inputs.compareOptions(options, "options");
    const verdicts = await this.#ask(settings, (judge, own) => judge.compare(task, own));
    const ballots = verdicts.map(({ winner, probabilityA }) => ({ winner, probabilityA }));
    return { ...(await this.#client.call("combinePreferences", [ballots])), verdicts };
  }

  /** The worker that combines the verdicts. Any judge's would do. */
  get #client() {
    const [first] = this.judges as [Judge, ...Judge[]];
    return clientOf(first.engine);
  }

  /** Asks all judges. Stops the others once one has failed. */
  async #ask<O extends JudgeOptions | CompareOptions, V>(
    options: O,
    call: (judge: Judge, options: O) => Promise<V>,
  ): Promise<V[]> {
    const { onToken } = options;
    const failed = new AbortController();
    const signal = AbortSignal.any(options.signal === undefined ? [failed.signal] : [options.signal, failed.signal]);
    const calls = this.judges.map((judge, index) => {
      const own = { ...options, signal };
      if (onToken !== undefined) {
        own.onToken = (text, { part }) => {
          onToken(text, { part, index });
        };
      }
      return call(judge, own);
    });
    try {
      return await Promise.all(calls);
    } catch (error) {
      failed.abort(error);
      await Promise.allSettled(calls);
      throw error;
    }
  }
}
