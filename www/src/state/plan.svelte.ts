import { planLoad } from "lunette";
import type { LoadPlan, ModelSource } from "lunette";
import { faultOf, isAbort } from "../data/faults";
import type { Fault } from "../data/faults";
import type { Place } from "./judge.svelte";

/** Whether this machine can hold a model: asked only when somebody wants to know, since it reads the file's header. */
export class Plan {
  asking = $state(false);
  plan = $state.raw<LoadPlan>();
  fault = $state.raw<Fault>();

  #control: AbortController | undefined;

  /** @param soon whether the question will be asked without anybody's doing. */
  constructor(soon = false) {
    this.asking = soon;
  }

  /** The answer to the latest question is what stands. */
  async ask(model: ModelSource, { backend, contextLength }: Place): Promise<void> {
    this.#control?.abort();
    const control = new AbortController();
    this.#control = control;
    this.asking = true;
    this.fault = undefined;
    try {
      const size = contextLength === undefined ? {} : { contextLength };
      const plan = await planLoad(model, { backend, ...size, signal: control.signal });
      if (this.#control === control) this.plan = plan;
    } catch (error) {
      if (this.#control === control && !isAbort(error)) this.fault = faultOf(error);
    } finally {
      if (this.#control === control) this.asking = false;
    }
  }
}
