import { Models } from "lunette";
import type { CatalogueEntry } from "lunette";

/** The small judge for a first visit. The page may have its own copy of the file. */
const SMALL = "smollm2-135m";
const BESIDE = "models/SmolLM2-135M-Instruct.Q4_1.gguf";

/** The smallest model that can judge. The page may have its own copy of it. */
const MIDDLE = "qwen2.5-coder-1.5b";
const MIDDLE_BESIDE = "models/Qwen2.5-Coder-1.5B-Instruct.Q4_K_M.gguf";

/** The main judge. */
const MAIN = "selene-1-mini";

export interface Judges {
  middle: CatalogueEntry | undefined;
  small: CatalogueEntry | undefined;
  main: CatalogueEntry | undefined;
  others: CatalogueEntry[];
}

/** The catalogue, in the page's order. */
export function judges(): Judges {
  const all = Models.catalogue();
  const find = (id: string) => all.find((entry) => entry.id === id);
  const small = find(SMALL);
  const middle = find(MIDDLE);
  return {
    middle: middle && {
      ...middle,
      // `cargo xtask demo --judge` puts it beside the page, and says so.
      ...(new URLSearchParams(location.search).get("judge") === MIDDLE && {
        url: new URL(MIDDLE_BESIDE, document.baseURI).href,
      }),
    },
    small: small && { ...small, url: new URL(BESIDE, document.baseURI).href },
    main: find(MAIN),
    others: all.filter(({ id }) => ![SMALL, MIDDLE, MAIN].includes(id)),
  };
}

/** The small judge at its publisher's address, for a page without its own copy. */
export const smallElsewhere = (): CatalogueEntry | undefined => Models.catalogue().find(({ id }) => id === SMALL);

/** The host of a model, for the user's consent to the download. */
export function hostOf(url: string | URL): string {
  const { origin, host } = new URL(url, document.baseURI);
  return origin === location.origin ? "this site" : host;
}
