import { BUILT_IN } from "./catalogue-entries.js";
import { wrong } from "../wire/check.js";
import * as inputs from "../wire/inputs.js";
import type { CatalogueEntry, ModelRef } from "../types/index.js";

const entries = new Map<string, CatalogueEntry | ModelRef>(BUILT_IN.map((entry) => [entry.id, entry]));

/** The model with this name. */
export function entryOf(id: string): ModelRef | undefined {
  return entries.get(id);
}

/** All models with complete entries: those of this package, and those that were registered with all fields. */
export function catalogue(): CatalogueEntry[] {
  return [...entries.values()].filter(isFull).map((entry) => structuredClone(entry));
}

/** Registers a model under a name. Replaces a model that has the name already. */
export function register(id: string, ref: ModelRef | CatalogueEntry): void {
  if (typeof id !== "string" || !/^[\w.-]+$/.test(id)) {
    throw wrong("id", 'a name of letters, digits, ".", "-" and "_"', id);
  }
  const given = inputs.modelRef(ref, "ref");
  const url = String(given.url);
  entries.set(id, isFull(ref) ? { ...inputs.catalogueEntry({ ...ref, id }, "ref"), url } : { ...given, url });
}

const isFull = (ref: ModelRef | CatalogueEntry): ref is CatalogueEntry => "quantization" in ref;
