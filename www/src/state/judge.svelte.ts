import { Judge, Models } from "lunette";
import type { Backend, ModelInfo, ModelSource, Progress, Recovery } from "lunette";
import { faultOf, isAbort } from "../data/faults";
import type { Fault } from "../data/faults";
import { requests } from "./requests.svelte";
import { shelf } from "./shelf.svelte";

type State = "empty" | "loading" | "ready";

/** The backend and the context length of a judge. A plan depends on them. */
export interface Place {
  backend: Backend;
  /** Context length in tokens; `undefined` for the model's own. */
  contextLength?: number | undefined;
}

/** The judge of the page: its load, its info, and the recovery of its device. */
export class JudgeState {
  state = $state<State>("empty");
  /** Whether the user is choosing another judge while this one stays loaded. */
  choosing = $state(false);
  info = $state.raw<ModelInfo>();
  /** The name in the catalogue. The name in the file is often less clear. */
  name = $state("");
  progress = $state.raw<Progress>();
  fault = $state.raw<Fault>();
  /** The last event of a lost device, if any. */
  recovery = $state.raw<Recovery>();
  /** A status that screen readers announce. */
  status = $state("No judge is loaded yet.");
  current = $state.raw<Judge>();
  place = $state<Place>({ backend: "auto" });

  #loading: AbortController | undefined;
  /** Loads what is loaded once more, with another head. */
  #again: ((head?: ModelSource) => Promise<void>) | undefined;

  async load(
    model: ModelSource,
    name: string,
    contextLength = this.place.contextLength,
    head?: ModelSource,
  ): Promise<void> {
    if (this.state === "loading") return;
    await this.dismiss();
    this.#again = (head) => this.load(model, name, contextLength, head);
    const { backend } = this.place;
    await this.#attempt(name, async (signal) => {
      const onProgress = (progress: Progress) => (this.progress = progress);
      const onRecovery = (event: Recovery) => this.#recover(event);
      const options = {
        backend,
        ...(contextLength === undefined ? {} : { contextLength }),
        ...(head === undefined ? {} : { head }),
      };
      return Judge.load(model, { ...options, onProgress, onRecovery, signal });
    });
  }

  /** Copies a file into the cache for the next visit, and loads the copy. */
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

  /** Loads the judge once more, with a reward model's head. With one that does not fit it stays as it was. */
  async addHead(head: ModelSource): Promise<void> {
    const again = this.#again;
    if (again === undefined) return;
    await again(head);
    const { fault } = this;
    if (fault === undefined) return;
    await again();
    this.fault = fault;
  }

  cancel(): void {
    this.#loading?.abort();
  }

  /** Frees the judge's memory. */
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
      // A load that failed may leave a partial download, which the list must show. After a success the list is not shown.
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
    // After a fallback it runs on another backend.
    if (this.current) this.info = { ...this.current.info };
  }
}
