import * as catalogue from "./catalogue.js";
import { text, wrong } from "../wire/check.js";
import { Client } from "../wire/client.js";
import { connect } from "./engine.js";
import * as inputs from "../wire/inputs.js";
import { askToPersist } from "./persist.js";
import type { Calls, Method } from "../wire/protocol.js";
import { describeRef } from "./source.js";
import type { CachedModel, CatalogueEntry, ModelRef, StorageUsage } from "../types/index.js";

/** The named models, and the models that are cached on this machine. */
export const Models = {
  /** Every named model, with all that is known of it before a download. */
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

  /** The cached models, complete or not, the last used first. */
  async list(): Promise<CachedModel[]> {
    return call("listModels", []);
  },

  /** The usage and the quota of this site's storage. */
  async usage(): Promise<StorageUsage> {
    return call("storageUsage", []);
  },

  /**
   * Removes a model from the cache. Does nothing when it is not there.
   *
   * @param id its {@link CachedModel.id}, its name in the catalogue, or its address.
   * @throws {LunetteError} `in-use` while it is being loaded, here or in another tab.
   */
  async delete(id: string): Promise<void> {
    await call("deleteModel", inCache(id));
  },

  /**
   * Puts a file into the cache, as if it had been downloaded. A load of `ref`, or of the address in the result, then needs no
   * network.
   *
   * @throws {LunetteError} `integrity` when it is not the file that `ref` says, `quota`, `in-use`, `invalid-argument`.
   */
  async import(file: Blob, ref?: ModelRef): Promise<CachedModel> {
    if (!(file instanceof Blob)) throw wrong("file", "a File or a Blob", file);
    return call("importModel", [file, ref === undefined ? undefined : describeRef(inputs.modelRef(ref, "ref"))]);
  },

  /**
   * A cached model as a file, to save or send. Of a split model, `"<id>/<n>"` is the n-th file.
   *
   * @throws {LunetteError} `invalid-argument` when it is not there, or not complete.
   */
  async export(id: string): Promise<Blob> {
    return call("exportModel", inCache(id));
  },

  /** Asks the browser not to evict this site's storage when space runs low. Resolves to whether it agreed. */
  async persist(): Promise<boolean> {
    return askToPersist();
  },
};

/** The id as given, and the address that it may stand for. */
function inCache(id: string): [id: string, url: string | undefined] {
  const name = text(id, "id");
  try {
    return [name, describeRef(catalogue.entryOf(name) ?? { url: name }).parts[0]];
  } catch {
    return [name, undefined];
  }
}

/** Makes a call in a temporary worker: only workers can write files. */
async function call<M extends Method>(method: M, args: Calls[M]["args"]): Promise<Calls[M]["result"]> {
  const client = new Client(await connect());
  try {
    return await client.call(method, args);
  } finally {
    void client.dispose();
  }
}
