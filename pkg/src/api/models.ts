import * as catalogue from "./catalogue.js";
import { text, wrong } from "../wire/check.js";
import { Client } from "../wire/client.js";
import { connect } from "./engine.js";
import * as inputs from "../wire/inputs.js";
import { askToPersist } from "./persist.js";
import type { Calls, Method } from "../wire/protocol.js";
import { describeRef } from "./source.js";
import type { CachedModel, CatalogueEntry, ModelRef, StorageUsage } from "../types/index.js";

/** The models that have names, and those that are kept on this machine. */
export const Models = {
  /** Every named model, with all that is known of it before a byte is fetched. */
  catalogue(): CatalogueEntry[] {
    return catalogue.catalogue();
  },

  /**
   * Gives a model a name that {@link Judge.load} takes, for this page. A reference with all the fields of a catalogue entry
   * becomes one.
   *
   * @throws {LunetteError} `invalid-argument` when a field is wrong.
   */
  register(id: string, ref: ModelRef | CatalogueEntry): void {
    catalogue.register(id, ref);
  },

  /** What is kept, complete or not, the last used first. */
  async list(): Promise<CachedModel[]> {
    return call("listModels", []);
  },

  /** What this site's storage holds and may hold. */
  async usage(): Promise<StorageUsage> {
    return call("storageUsage", []);
  },

  /**
   * Removes a model from the cache; harmless when it is not there.
   *
   * @param id its {@link CachedModel.id}, its name in the catalogue, or its address.
   * @throws {LunetteError} `in-use` while it is being loaded, here or in another tab.
   */
  async delete(id: string): Promise<void> {
    await call("deleteModel", inCache(id));
  },

  /**
   * Puts a file into the cache, as if it had been fetched: a load of `ref`, or of the address that comes back, then needs no
   * network.
   *
   * @throws {LunetteError} `integrity` when it is not the file that `ref` says, `quota`, `in-use`, `invalid-argument`.
   */
  async import(file: Blob, ref?: ModelRef): Promise<CachedModel> {
    if (!(file instanceof Blob)) throw wrong("file", "a File or a Blob", file);
    return call("importModel", [file, ref === undefined ? undefined : describeRef(inputs.modelRef(ref, "ref"))]);
  },

  /**
   * A model of the cache as a file, to be saved or sent on. Of a split one, `"<id>/<n>"` is the n-th file.
   *
   * @throws {LunetteError} `invalid-argument` when it is not there, or not complete.
   */
  async export(id: string): Promise<Blob> {
    return call("exportModel", inCache(id));
  },

  /** Asks the browser not to clear this site's storage when space runs low. Resolves to whether it agreed. */
  async persist(): Promise<boolean> {
    return askToPersist();
  },
};

/** What a model may be called by, and the address that this may be: of a name of the catalogue, the one behind it. */
function inCache(id: string): [id: string, url: string | undefined] {
  const name = text(id, "id");
  try {
    return [name, describeRef(catalogue.entryOf(name) ?? { url: name }).parts[0]];
  } catch {
    return [name, undefined];
  }
}

/** In a worker of its own, which is gone afterwards: files can be written there only. */
async function call<M extends Method>(method: M, args: Calls[M]["args"]): Promise<Calls[M]["result"]> {
  const client = new Client(await connect());
  try {
    return await client.call(method, args);
  } finally {
    void client.dispose();
  }
}
