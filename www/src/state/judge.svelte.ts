import { Judge, Models } from "lunette";
import type { Backend, ModelInfo, ModelSource, Progress, Recovery } from "lunette";
import { faultOf, isAbort } from "../data/faults";
import type { Fault } from "../data/faults";
import { requests } from "./requests.svelte";
import { shelf } from "./shelf.svelte";

type State = "empty" | "loading" | "ready";

/** Where and how large a judge is to run; part of what a plan is made for. */
export interface Place {
  backend: Backend;
  /** Tokens; the model's own where it is undefined. */
  contextLength?: number | undefined;
}

/** The one judge of the page: how it is loaded, what it is, and what befalls it. */
export class JudgeState {
  state = $state<State>("empty");
  /** Whether another judge is being chosen while this one stays. */
  choosing = $state(false);
  info = $state.raw<ModelInfo>();
  /** The name that the judge was chosen by; the one in its file is often less telling. */
  name = $state("");
  progress = $state.raw<Progress>();
  fault = $state.raw<Fault>();
  /** What befell the device that the judge runs on, if anything. */
  recovery = $state.raw<Recovery>();
  /** Said aloud by screen readers. */
  status = $state("No judge is loaded yet.");
  current = $state.raw<Judge>();
  place = $state<Place>({ backend: "auto" });

  #loading: AbortController | undefined;

  async load(model: ModelSource, name: string, contextLength = this.place.contextLength): Promise<void> {
    if (this.state === "loading") return;
    await this.dismiss();
    const { backend } = this.place;
    await this.#attempt(name, async (signal) => {
      const onProgress = (progress: Progress) => (this.progress = progress);
      const onRecovery = (event: Recovery) => this.#recover(event);
      const options = { backend, ...(contextLength === undefined ? {} : { contextLength }) };
      return Judge.load(model, { ...options, onProgress, onRecovery, signal });
    });
  }

  /** Loads a file from a copy that stays on this machine for the next visit. */
  async keepAndLoad(file: File, name: string): Promise<void> {
    if (this.state === "loading") return;
    this.state = "loading";
    this.name = name;
    this.progress = undefined;
    this.fault = undefined;
    this.status = "Copying the file to this site’s storage.";
    try {
      const { url } = await Models.import(file);
      this.state = "empty";
      await this.load(url, name);
    } catch (error) {
      this.#fail(error);
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
    this.recovery = undefined;
    this.choosing = false;
    this.state = "empty";
    this.status = "No judge is loaded yet.";
    await judge?.dispose();
  }

  async #attempt(name: string, load: (signal: AbortSignal) => Promise<Judge>): Promise<void> {
    this.#loading = new AbortController();
    this.fault = undefined;
    this.progress = undefined;
    this.state = "loading";
    this.name = name;
    this.status = "Loading the judge.";
    try {
      this.current = await load(this.#loading.signal);
      this.info = this.current.info;
      this.state = "ready";
      this.status = "The judge is ready.";
      requests.mark();
    } catch (error) {
      this.#fail(error);
      // What has come of it is kept, to be gone on with. After a success nobody looks at the shelf.
      void shelf.refresh().then(() => (shelf.open ||= shelf.models.length > 0));
    }
  }

  #fail(error: unknown): void {
    this.state = "empty";
    this.status = isAbort(error) ? "Cancelled." : "No judge is loaded yet.";
    if (!isAbort(error)) this.fault = faultOf(error);
  }

  #recover(event: Recovery): void {
    this.recovery = event;
    // After a fall-back it runs elsewhere.
    if (this.current) this.info = { ...this.current.info };
  }
}
