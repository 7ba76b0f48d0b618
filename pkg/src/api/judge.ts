import { clientOf, Engine } from "./engine.js";
import * as inputs from "../wire/inputs.js";
import type { JudgeTasks, RewardTasks } from "../wire/tasks.js";
import { evaluationSpec } from "../wire/evaluation-inputs.js";
import { evaluate, followers } from "./evaluate.js";
import type { Bench } from "./evaluation.js";
import { methodOf } from "./source.js";
import { calibrationMap } from "./statistics.js";
import type {
  BadRow,
  CalibrationMap,
  CallOptions,
  ClassifyManyTask,
  ClassifyTask,
  ClassVerdict,
  CompareOptions,
  CompareTask,
  EvaluationSpec,
  Filtering,
  JudgeOptions,
  LoadOptions,
  ModelInfo,
  ModelSource,
  PreferenceVerdict,
  RankTask,
  RankVerdict,
  Reranking,
  RewardManyTask,
  RewardOptions,
  RewardTask,
  RewardVerdict,
  Row,
  RowVerdict,
  ScoreManyTask,
  ScoreTask,
  ScoreVerdict,
} from "../types/index.js";

/**
 * A language model that judges answers by a rubric, on this machine.
 *
 * Every method rejects with a {@link LunetteError}. Calls may overlap and each gets its own verdict.
 */
export class Judge {
  /** The layer below: tokens, probabilities and free generation with the same model. */
  readonly engine: Engine;

  readonly #calibration: CalibrationMap | undefined;

  /** How comparisons are made that do not say. */
  readonly #method: CompareOptions["method"];

  private constructor(engine: Engine, method: CompareOptions["method"], calibration?: CalibrationMap) {
    this.engine = engine;
    this.#method = method;
    this.#calibration = calibration;
  }

  /** What was loaded and where it runs. */
  get info(): ModelInfo {
    return this.engine.info;
  }

  /** Loads a judge. Takes the same arguments and throws the same errors as {@link Engine.load}. */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<Judge> {
    return new Judge(await Engine.load(model, options), methodOf(model));
  }

  /**
   * Scores one response on the scale of a rubric.
   *
   * A failure is an error, never a low score.
   *
   * @throws {LunetteError} `invalid-argument` naming the field; `context-overflow` when the texts are too long for the
   * model; `aborted`; `device-lost`.
   */
  async score(task: ScoreTask, options: JudgeOptions = {}): Promise<ScoreVerdict> {
    const settings = inputs.judgeOptions(options, "options");
    return this.#calibrated(await this.#judge("score", inputs.scoreTask(task, "task"), settings));
  }

  /**
   * Scores one response under several rubrics at once. The common prefix of their prompts is computed once.
   *
   * @returns a verdict for each rubric, in their order.
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async scoreMany(task: ScoreManyTask, options: JudgeOptions = {}): Promise<ScoreVerdict[]> {
    const settings = inputs.judgeOptions(options, "options");
    const verdicts = await this.#judge("scoreMany", inputs.scoreManyTask(task, "task"), settings);
    return Promise.all(verdicts.map((verdict) => this.#calibrated(verdict)));
  }

  /**
   * Classifies one response: gives it one of the labels of a rubric.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async classify(task: ClassifyTask, options: JudgeOptions = {}): Promise<ClassVerdict> {
    return this.#judge("classify", inputs.classifyTask(task, "task"), inputs.judgeOptions(options, "options"));
  }

  /** Classifies one response under several rubrics at once, as {@link Judge.scoreMany} does. */
  async classifyMany(task: ClassifyManyTask, options: JudgeOptions = {}): Promise<ClassVerdict[]> {
    return this.#judge("classifyMany", inputs.classifyManyTask(task, "task"), inputs.judgeOptions(options, "options"));
  }

  /**
   * Says which of two responses is better. It judges both orders, because judges prefer one place (position bias). Swapping A
   * and B gives the mirrored verdict.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async compare(task: CompareTask, options: CompareOptions = {}): Promise<PreferenceVerdict> {
    return this.#judge("compare", inputs.compareTask(task, "task"), inputs.compareOptions(options, "options"));
  }

  /**
   * Ranks several responses by comparing them in pairs: Bradley–Terry strengths with 95% confidence intervals.
   * {@link rankResults} ranks results that exist already.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async rank(task: RankTask, options: CompareOptions = {}): Promise<RankVerdict> {
    return this.#judge("rank", inputs.rankTask(task, "task"), inputs.compareOptions(options, "options"));
  }

  /**
   * How good a response is by the reward model that the judge was loaded with ({@link LoadOptions.head}), and from each of its
   * tokens on how well it is likely to end. One pass over the response: no rubric is read and nothing is written.
   * docs/REWARD.md shows it.
   *
   * @throws {LunetteError} `invalid-argument` without a head; else as {@link Judge.score}.
   */
  async reward(task: RewardTask, options: RewardOptions = {}): Promise<RewardVerdict> {
    return this.#reward("reward", inputs.rewardTask(task, "task"), options);
  }

  /**
   * Orders several responses by their rewards: best of N.
   *
   * @throws {LunetteError} as {@link Judge.reward}.
   */
  async rerank(task: RewardManyTask, options: RewardOptions = {}): Promise<Reranking> {
    return this.#reward("rerank", inputs.rewardManyTask(task, "task"), options);
  }

  /**
   * Leaves out the responses whose Q falls below {@link RewardOptions.threshold}, as before a majority vote among samples, and
   * says how many tokens a sampler would save that stops at a fall.
   *
   * @throws {LunetteError} as {@link Judge.reward}.
   */
  async filter(task: RewardManyTask, options: RewardOptions = {}): Promise<Filtering> {
    return this.#reward("filter", inputs.rewardManyTask(task, "task"), options);
  }

  /**
   * A goal for {@link RewardOptions.goal} out of a few responses that are as you wish: the mean of the states that they end in.
   *
   * @throws {LunetteError} as {@link Judge.reward}.
   */
  async goalFrom(examples: RewardTask[], options: CallOptions = {}): Promise<Float32Array> {
    const { signal } = inputs.callOptions(options, "options");
    return clientOf(this.engine).call("goalFrom", [inputs.rewardExamples(examples, "examples")], { signal });
  }

  /**
   * Judges the rows of a data set, several at a time, and gives a result for each in their order, as `lunette evaluate` does.
   * Rows are taken as results are; of a list, rows with the same passages are judged together. What is wrong with a row is in its result; {@link report} says how far the judge agrees with
   * people. docs/guides/evaluating.md shows it.
   *
   * @param rows an array, a stream of rows, or a file that {@link openRows} opened.
   * @throws {LunetteError} when the iteration begins or goes on: `invalid-argument` when `spec` or an option is wrong; `aborted`;
   * `device-lost` and others when nothing can be judged any more.
   */
  async *evaluate(
    rows: Iterable<Row | BadRow> | AsyncIterable<Row | BadRow>,
    spec: EvaluationSpec,
    options: JudgeOptions & CompareOptions = {},
  ): AsyncGenerator<RowVerdict, void, undefined> {
    const checked = evaluationSpec(spec, "spec");
    const check = checked.task === "compare" ? inputs.compareOptions : inputs.judgeOptions;
    // The journal knows verdicts by their settings, so a default stands among them.
    const asked = checked.task === "compare" && this.#method ? { method: this.#method, ...options } : options;
    const { signal, onToken, ...settings } = check(asked, "options");
    // Rows that are under way end with the iteration.
    const own = new AbortController();
    const ended = AbortSignal.any(signal === undefined ? [own.signal] : [signal, own.signal]);
    const follow = followers(ended);
    const bench: Bench = {
      client: clientOf(this.engine),
      info: this.info,
      judge: (kind, task) =>
        follow((signal) => this.#judge(kind, task, { ...settings, ...(onToken && { onToken }), signal })),
      calibrated: (verdict) => this.#calibrated(verdict),
    };
    try {
      yield* evaluate(bench, rows, checked, settings, ended);
    } finally {
      own.abort();
    }
  }

  /**
   * The same judge with a calibration from {@link fitCalibration}: its scores have `calibrated` beside `expected`. Both share
   * one model, and `dispose` of either frees it.
   *
   * @throws {LunetteError} `invalid-argument` when the map is not valid.
   */
  withCalibration(map: CalibrationMap): Judge {
    return new Judge(this.engine, this.#method, calibrationMap(map, "map"));
  }

  /** Frees the model and ends its worker. Calls still running reject with code `disposed`. May be called again. */
  dispose(): Promise<void> {
    return this.engine.dispose();
  }

  async #calibrated<V extends { expected: number }>(verdict: V): Promise<V & { calibrated?: number }> {
    if (this.#calibration === undefined) return verdict;
    const args: [CalibrationMap, number] = [this.#calibration, verdict.expected];
    return { ...verdict, calibrated: await clientOf(this.engine).call("applyCalibration", args) };
  }

  async #reward<K extends keyof RewardTasks>(
    kind: K,
    task: RewardTasks[K]["task"],
    options: RewardOptions,
  ): Promise<RewardTasks[K]["verdict"]> {
    const { signal, ...settings } = inputs.rewardOptions(options, "options");
    return clientOf(this.engine).call("reward", [kind, task, settings], { signal });
  }

  async #judge<K extends keyof JudgeTasks>(
    kind: K,
    task: JudgeTasks[K]["task"],
    options: JudgeOptions & CompareOptions,
  ): Promise<JudgeTasks[K]["verdict"]> {
    const method = kind === "compare" || kind === "rank" ? (options.method ?? this.#method) : undefined;
    const { onToken, signal, ...settings } = method === undefined ? options : { ...options, method };
    return clientOf(this.engine).call("judge", [kind, task, settings], { onToken, signal });
  }
}
