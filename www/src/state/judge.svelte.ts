import { Judge } from "lunette";
import type { Backend, ModelInfo, ModelSource, Progress } from "lunette";
import { faultOf, isAbort } from "../data/faults";
import type { Fault } from "../data/faults";
import { requests } from "./requests.svelte";

type State = "empty" | "loading" | "ready";

/** The one judge of the page: how it is loaded, what it is, and what befalls it. */
export class JudgeState {
  state = $state<State>("empty");
  info = $state.raw<ModelInfo>();
  /** The name that the judge was chosen by; the one in its file is often less telling. */
  name = $state("");
  progress = $state.raw<Progress>();
  fault = $state.raw<Fault>();
  /** Said aloud by screen readers. */
  status = $state("No judge is loaded yet.");
  current = $state.raw<Judge>();

  #loading: AbortController | undefined;

  async load(model: ModelSource, name: string, options: { backend: Backend; contextLength?: number }): Promise<void> {
    if (this.state === "loading") return;
    await this.dismiss();
    this.#loading = new AbortController();
    const { signal } = this.#loading;
    this.fault = undefined;
    this.progress = undefined;
    this.state = "loading";
    this.name = name;
    this.status = "Loading the judge.";
    const onProgress = (progress: Progress) => {
      this.progress = progress;
    };
    try {
      this.current = await Judge.load(model, { ...options, onProgress, signal });
      this.info = this.current.info;
      this.state = "ready";
      this.status = "The judge is ready.";
      requests.mark();
    } catch (error) {
      this.state = "empty";
      this.status = isAbort(error) ? "Cancelled." : "No judge is loaded yet.";
      if (!isAbort(error)) this.fault = faultOf(error);
    }
  }

  cancel(): void {
    this.#loading?.abort();
  }

  /** Gives the judge's memory back. */
  async dismiss(): Promise<void> {
    const judge = this.current;
    this.current = undefined;
    this.info = undefined;
    this.state = "empty";
    this.status = "No judge is loaded yet.";
    await judge?.dispose();
  }
}
