import { Judge } from "lunette";
import type { Backend, ModelInfo, ModelSource, Progress, ScoreTask, ScoreVerdict } from "lunette";
import { faultOf, isAbort, isFatal } from "./faults";
import type { Fault } from "./faults";

/** Tokens. A judge that has more to say than this is going round in circles. */
const LONGEST_CRITIQUE = 256;

type State = "empty" | "loading" | "ready" | "judging";

/** A verdict with the scale that it was given on: the form may change under it. */
export interface Judged {
  verdict: ScoreVerdict;
  levels: { score: number; description: string }[];
}

/** One judge, from its loading to its verdicts, as the page shows it. */
export class Session {
  state = $state<State>("empty");
  info = $state.raw<ModelInfo>();
  /** The name that the judge was chosen by; the one in its file is often less telling. */
  name = $state("");
  progress = $state.raw<Progress>();
  judged = $state.raw<Judged>();
  /** What has been written of the critique so far. */
  critique = $state("");
  fault = $state.raw<Fault>();
  /** Said aloud by screen readers; one sentence for each thing that happens. */
  status = $state("No judge is loaded yet.");

  #judge: Judge | undefined;
  #running: AbortController | undefined;

  get busy(): boolean {
    return this.state === "loading" || this.state === "judging";
  }

  async load(model: ModelSource, name: string, backend: Backend): Promise<void> {
    if (this.busy) return;
    await this.dismiss();
    const signal = this.#begin("loading", "Loading the judge.");
    const onProgress = (progress: Progress) => {
      this.progress = progress;
      if (progress.phase === "compile") this.status = "Preparing the judge.";
    };
    try {
      this.#judge = await Judge.load(model, { backend, onProgress, signal });
      this.name = name;
      this.info = this.#judge.info;
      this.#end("ready", "The judge is ready.");
    } catch (error) {
      this.#fail("empty", error, "No judge is loaded yet.");
    }
  }

  async score(task: ScoreTask, critique: boolean): Promise<void> {
    if (this.state !== "ready" || this.#judge === undefined) return;
    const signal = this.#begin("judging", "The judge is reading.");
    this.judged = undefined;
    this.critique = "";
    const onToken = (text: string) => {
      if (this.critique === "") this.status = "The judge is writing its critique.";
      this.critique += text;
    };
    try {
      const verdict = await this.#judge.score(
        task,
        critique ? { onToken, signal, maxTokens: LONGEST_CRITIQUE } : { critique: false, signal },
      );
      const levels = Object.entries(task.rubric.scale).map(([score, description]) => ({
        score: Number(score),
        description,
      }));
      this.judged = { verdict, levels };
      this.#end("ready", `The score is ${verdict.score} of ${Math.max(...levels.map(({ score }) => score))}.`);
    } catch (error) {
      const fatal = isFatal(error);
      if (fatal) await this.dismiss();
      this.#fail(fatal ? "empty" : "ready", error, "No verdict was reached.");
    }
  }

  cancel(): void {
    this.#running?.abort();
  }

  /** Gives the judge's memory back. */
  async dismiss(): Promise<void> {
    const judge = this.#judge;
    this.#judge = undefined;
    this.info = undefined;
    this.state = "empty";
    this.status = "No judge is loaded yet.";
    await judge?.dispose();
  }

  #begin(state: State, status: string): AbortSignal {
    this.#running = new AbortController();
    this.fault = undefined;
    this.progress = undefined;
    this.state = state;
    this.status = status;
    return this.#running.signal;
  }

  #end(state: State, status: string): void {
    this.#running = undefined;
    this.state = state;
    this.status = status;
  }

  #fail(state: State, error: unknown, status: string): void {
    if (isAbort(error)) {
      this.#end(state, "Cancelled.");
      return;
    }
    this.fault = faultOf(error);
    this.#end(state, status);
  }
}
