import { Models } from "lunette";
import type { CachedModel, StorageUsage } from "lunette";
import { faultOf } from "../data/faults";
import type { Fault } from "../data/faults";

/** The models that are cached on this machine. */
class Shelf {
  models = $state.raw<CachedModel[]>([]);
  usage = $state.raw<StorageUsage>();
  fault = $state.raw<Fault>();
  /** Whether the list is open. */
  open = $state(false);
  /** Whether the browser refused persistent storage. */
  refused = $state(false);

  async refresh(): Promise<void> {
    await this.#attempt(async () => {
      [this.models, this.usage] = await Promise.all([Models.list(), Models.usage()]);
    });
  }

  async remove(id: string): Promise<void> {
    await this.#attempt(() => Models.delete(id));
    await this.refresh();
  }

  async persist(): Promise<void> {
    await this.#attempt(async () => {
      this.refused = !(await Models.persist());
    });
    await this.refresh();
  }

  async #attempt(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.fault = undefined;
    } catch (error) {
      this.fault = faultOf(error);
    }
  }
}

export const shelf = new Shelf();
