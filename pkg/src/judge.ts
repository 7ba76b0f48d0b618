import { clientOf, Engine } from "./engine.js";
import * as inputs from "./inputs.js";
import type { JudgeOptions, LoadOptions, ModelInfo, ModelSource, ScoreTask, ScoreVerdict } from "./types.js";

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
    const { onToken, signal, ...settings } = inputs.judgeOptions(options, "options");
    return clientOf(this.engine).call("score", [inputs.scoreTask(task, "task"), settings], { onToken, signal });
  }

  /** Frees the model and ends its worker. Calls still running reject with code `disposed`. May be called again. */
  dispose(): Promise<void> {
    return this.engine.dispose();
  }
}
