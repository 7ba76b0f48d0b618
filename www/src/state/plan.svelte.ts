import { planLoad } from "lunette";
import type { LoadPlan, ModelSource } from "lunette";
import { faultOf, isAbort } from "../data/faults";
import type { Fault } from "../data/faults";
import type { Place } from "./judge.svelte";

/** The plan of a model for this machine. It is made on demand, because it downloads the file's header. */
export class Plan {
  asking = $state(false);
  plan = $state.raw<LoadPlan>();
  fault = $state.raw<Fault>();

  #control: AbortController | undefined;

  /** @param soon whether the plan is made without a request by the user. */
  constructor(soon = false) {
    this.asking = soon;
  }

  /** Only the result of the latest request counts. */
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
