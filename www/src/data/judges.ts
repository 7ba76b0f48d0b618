import { Models } from "lunette";
import type { CatalogueEntry } from "lunette";

/** The small judge that a first visit is offered. A copy of its file may lie beside the page. */
const SMALL = "smollm2-135m";
const BESIDE = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/** The judge that the page is made for. */
const MAIN = "selene-1-mini";

export interface Judges {
  small: CatalogueEntry | undefined;
  main: CatalogueEntry | undefined;
  others: CatalogueEntry[];
}

/** The catalogue, as the page sets it out. */
export function judges(): Judges {
  const all = Models.catalogue();
  const find = (id: string) => all.find((entry) => entry.id === id);
  const small = find(SMALL);
  return {
    small: small && { ...small, url: new URL(BESIDE, document.baseURI).href },
    main: find(MAIN),
    others: all.filter(({ id }) => id !== SMALL && id !== MAIN),
  };
}

/** The small judge where its maker's conversion lies, for a page without a copy beside it. */
export const smallElsewhere = (): CatalogueEntry | undefined => Models.catalogue().find(({ id }) => id === SMALL);

/** Where a model is fetched from, for those who are asked to allow it. */
export function hostOf(url: string | URL): string {
  const { origin, host } = new URL(url, document.baseURI);
  return origin === location.origin ? "this site" : host;
}
