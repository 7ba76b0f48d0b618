import { clientOf, Engine } from "./engine.js";
import * as inputs from "./inputs.js";
import type { JudgeTasks } from "./protocol.js";
import type {
  ClassifyManyTask,
  ClassifyTask,
  ClassVerdict,
  CompareOptions,
  CompareTask,
  JudgeOptions,
  LoadOptions,
  ModelInfo,
  ModelSource,
  PreferenceVerdict,
  ScoreManyTask,
  ScoreTask,
  ScoreVerdict,
} from "./types.js";

/**
 * A language model that judges answers by a rubric, on this machine.
 *
 * Every method rejects with a {@link LunetteError}. Calls may overlap and each gets its own verdict.
 */
export class Judge {
  /** The layer below: tokens, probabilities and free generation with the same model. */
  readonly engine: Engine;

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  /** What was loaded and where it runs. */
  get info(): ModelInfo {
    return this.engine.info;
  }

  /** Loads a judge. Takes and throws what {@link Engine.load} does. */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<Judge> {
    return new Judge(await Engine.load(model, options));
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
    return this.#judge("score", inputs.scoreTask(task, "task"), inputs.judgeOptions(options, "options"));
  }

  /**
   * Scores one response under several rubrics at once: what their prompts share is computed once.
   *
   * @returns a verdict for each rubric, in their order.
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async scoreMany(task: ScoreManyTask, options: JudgeOptions = {}): Promise<ScoreVerdict[]> {
    return this.#judge("scoreMany", inputs.scoreManyTask(task, "task"), inputs.judgeOptions(options, "options"));
  }

  /**
   * Gives one response one of the labels of a rubric.
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
   * Says which of two responses is better. Both orders are judged, since judges favour a place; swapping A and B gives
   * the mirrored verdict.
   *
   * @throws {LunetteError} as {@link Judge.score}.
   */
  async compare(task: CompareTask, options: CompareOptions = {}): Promise<PreferenceVerdict> {
    return this.#judge("compare", inputs.compareTask(task, "task"), inputs.compareOptions(options, "options"));
  }

  /** Frees the model and ends its worker. Calls still running reject with code `disposed`. May be called again. */
  dispose(): Promise<void> {
    return this.engine.dispose();
  }

  async #judge<K extends keyof JudgeTasks>(
    kind: K,
    task: JudgeTasks[K]["task"],
    options: JudgeOptions & CompareOptions,
  ): Promise<JudgeTasks[K]["verdict"]> {
    const { onToken, signal, ...settings } = options;
    return clientOf(this.engine).call("judge", [kind, task, settings], { onToken, signal });
  }
}
