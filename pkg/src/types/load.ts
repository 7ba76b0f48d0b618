import type { BuiltInTemplate } from "./judge.js";

/** A model by address, with data that its file may lack. */
export interface ModelRef {
  /**
   * The address of the GGUF file. A relative one is resolved against the page. Of a split file, give the first part
   * (`…-00001-of-0000N.gguf`): the others are found beside it by name.
   */
  url: string | URL;
  /**
   * Size in bytes, of all parts together. Plans and progress use it until the server states the size. Together with a `sha256`
   * it is exact, and a file of another size is refused at once.
   */
  bytes?: number;
  /** SHA-256 of the file in hexadecimal digits, or one for each part. A file with another hash is refused. */
  sha256?: string | string[];
  /** Licence shown in {@link ModelInfo.license} when the file names none. */
  license?: string;
  /** Where the licence can be read. */
  licenseUrl?: string;
  /** What people call the model. */
  name?: string;
  /** The built-in prompt template that the model was trained on. */
  template?: BuiltInTemplate;
  /** A Jinja chat template that replaces the file's own. {@link LoadOptions.chatTemplate} takes precedence. */
  chatTemplate?: string;
  /** How the model compares best: the default of {@link CompareOptions.method}. */
  method?: "pairwise" | "pointwise";
  /** LoRA adapters that make the model what the name says. {@link LoadOptions.adapters} takes precedence. */
  adapters?: ModelRef[];
}

/** A named model of {@link Models.catalogue}, with all that is known of it before a download. */
export interface CatalogueEntry extends ModelRef {
  /** The name that {@link Judge.load} takes. */
  id: string;
  name: string;
  /** A sentence for people who choose. */
  description: string;
  /** The repository that publishes the file. */
  repository: string;
  file: string;
  /** Size in bytes. Rounded, unless there is a `sha256`. */
  bytes: number;
  /** The main block format, as `"Q4_K_M"`. */
  quantization: string;
  /** GGUF architecture, as `"llama"`. */
  architecture: string;
  /** Number of weights. */
  parameters: number;
  /** Tokens that the model was trained for. */
  contextLength: number;
  license: string;
  /** Languages that the model's card names, as BCP 47 tags. */
  languages: string[];
  template: BuiltInTemplate;
  /** What it was trained for: `"judge"`, or to chat. */
  purpose?: "judge" | "chat";
  /** Whether it can think before it answers. */
  thinking?: boolean;
  /** Whether this very file was run by this project, and not only others of its architecture. */
  tested?: boolean;
  /** A remark for users. */
  note?: string;
}

/**
 * The source of a model: a name of the catalogue or an address; a file, which the user picked or which lies in the origin
 * private file system, or its handle (an array: the parts of a split file, in any order); or the bytes of a GGUF file.
 */
export type ModelSource =
  | string
  | URL
  | File
  | Blob
  | ArrayBuffer
  | FileSystemFileHandle
  | ModelRef
  | readonly (File | Blob | FileSystemFileHandle)[];

/**
 * Where the model runs: `webgpu` requires WebGPU, `wasm` requires SIMD WebAssembly. `auto` uses WebGPU on a hardware adapter,
 * else wasm.
 */
export type Backend = "auto" | "webgpu" | "wasm";

/**
 * An optional GPU capability, which can be disabled to test or to work around a driver. `"dp4a"`: packed 8-bit integer dot
 * products, for large matrices on NVIDIA, AMD and Intel adapters; they round activations to 16 bits.
 */
export type Capability = "subgroups" | "f16" | "dp4a";

/** How a model is loaded. */
export interface LoadOptions {
  /** Default `"auto"`. */
  backend?: Backend;
  /** GPU capabilities to leave unused, even if the adapter has them. Default none. */
  disable?: Capability[];
  /** Context length: the limit for the tokens of prompt and answer together. Default: the model's own, at most 8192. */
  contextLength?: number;
  /** Maximum batch size: sequences that one forward pass computes, when calls overlap. 1 to 64. Default 16. */
  maxBatch?: number;
  /**
   * Threads of the wasm backend, at most 256. Results do not depend on them. More than one needs, in a browser, a page with
   * cross-origin isolation and an engine in a worker; without, there is one. Default: as many as the machine has cores, at most
   * 16.
   */
  threads?: number;
  /**
   * A Jinja chat template that replaces the file's own: many files have a broken one, or none. {@link Engine.chatPrompt} shows
   * the result.
   */
  chatTemplate?: string;
  /** The date that a chat template may print, as `"2024-07-26"`. Default: a fixed date, so that verdicts repeat. */
  date?: string;
  /**
   * LoRA adapters for this model: GGUF files as llama.cpp's converter writes them, at most 16. They are fetched first and stay
   * in memory. Each call chooses one, and calls with different ones share their forward passes. Default: those of the
   * {@link ModelRef}.
   */
  adapters?: readonly ModelSource[];
  /**
   * The head of a reward model that was trained on this model, for {@link Judge.reward}: a GGUF file. Other calls do not see it.
   * It is fetched first and stays in memory.
   */
  head?: ModelSource;
  /**
   * Default `true`: the engine runs in its own Web Worker, so the page never blocks. `false` runs it on the calling thread, for
   * environments without workers. A function starts the worker itself, as a module, from the script `lunette/worker`: for pages
   * with Trusted Types, and for packages on another origin.
   */
  worker?: boolean | (() => Worker);
  /**
   * Default `true`: cache downloaded models in this origin's storage (in Node: in a folder), so that the next load needs no
   * network. `false` neither reads nor writes the cache.
   */
  cache?: boolean;
  /** SHA-256 that the file must have, in hexadecimal digits. For a split file, see {@link ModelRef.sha256}. */
  sha256?: string;
  /** Called during the load, about twenty times a second at most. */
  onProgress?: (progress: Progress) => void;
  /** Called when the GPU device is lost, and again once the recovery has ended. */
  onRecovery?: (event: Recovery) => void;
  /** Cancels the load. Its promise rejects with code `"aborted"`. */
  signal?: AbortSignal;
}

/** The progress of a load. */
export interface Progress {
  /**
   * `wait`: another tab is downloading the same model; `download`: bytes from the network; `verify`: the rest is hashed;
   * `upload`: bytes from the cache or a file to the backend; `compile`: shaders and pipelines; `ready`.
   */
  phase: "wait" | "download" | "verify" | "upload" | "compile" | "ready";
  /** Bytes; in `compile`, steps. */
  loaded: number;
  /** The final value of `loaded`, where known. */
  total?: number;
  /** Bytes per second, smoothed. */
  rate?: number;
  /** Remaining milliseconds of the phase, at this rate. */
  etaMs?: number;
  /** A note for the user: that the model is not cached, and why; that the connection broke, and when the next attempt is. */
  note?: string;
}

/** A lost GPU device, or the end of its recovery. */
export interface Recovery {
  /** `lost`: calls wait. `recovered`: they continue where they were. `fallback`: they continue on the wasm backend. */
  phase: "lost" | "recovered" | "fallback";
  /** The message of the driver or the browser. */
  reason: string;
  /** Number of losses since the model was loaded. */
  losses: number;
  /** The backend from now on. */
  backend: "webgpu" | "wasm";
}

/** What a model needs and whether this machine has it, from the file's header alone. */
export interface LoadPlan {
  model: {
    name: string;
    architecture: string;
    quantization: string;
    parameters: number;
    /** Tokens that the model was trained for. */
    contextLength: number;
    license?: string;
    /** Size of the file, of all parts together. */
    bytes: number;
    parts: number;
  };
  /** The backend that a load would use. */
  backend: "webgpu" | "wasm";
  /** The adapter's name; on the wasm backend, the processor's. */
  adapter: string;
  /** Tokens that the plan is for. */
  contextLength: number;
  maxBatch: number;
  /** Bytes on the GPU, or in the wasm heap. */
  memory: { weights: number; kvCache: number; scratch: number; total: number };
  /** What the adapter allows; `heapBytes`: what a wasm heap can hold. */
  limits: { bufferBytes: number; bindingBytes: number; heapBytes?: number };
  /** Bytes to download, and bytes that are cached. */
  download: { bytes: number; cached: number };
  /** The storage for cached models, in bytes. `available: false` where this browser has none. */
  storage: { available: boolean; quota?: number; usage?: number; free?: number; persisted?: boolean };
  verdict: "fits" | "fits-with-smaller-context" | "does-not-fit";
  /** With `fits-with-smaller-context`: the largest context length that fits. */
  fittingContextLength?: number;
  /** Sentences for people, with the arithmetic. */
  reasons: string[];
}

/** A model in the cache. */
export interface CachedModel {
  /** The id for {@link Models.delete} and {@link Models.export}, which also take the name and the address. */
  id: string;
  name: string;
  /** The address that it came from, without its signature. A load of this address reads the cache. */
  url: string;
  /** Bytes in the cache. */
  bytes: number;
  /** Size of the whole model in bytes, where known. */
  total?: number;
  /** Whether the whole model is cached and verified. */
  complete: boolean;
  /** SHA-256 of the file; of a split file, of its first part. */
  sha256?: string;
  /** What the hash was compared with: the caller's (`pinned`), the host's (`host`), or nothing yet (`recorded`). */
  verified?: "pinned" | "host" | "recorded";
  /** When it was last loaded, in milliseconds since 1970. */
  lastUsed: number;
  license?: string;
}

/** Storage of this origin, in bytes. */
export interface StorageUsage {
  /** Used by everything in this origin. */
  usage: number;
  quota: number;
  /** Whether the browser does not evict it when space runs low. */
  persisted: boolean;
  /** Used by models. */
  models: number;
}

/** What was loaded and where it runs. */
export interface ModelInfo {
  /** The model's own name, from its metadata. */
  name: string;
  /** GGUF architecture, as `"llama"`. */
  architecture: string;
  /** The file's main block format, as `"Q4_1"`. */
  quantization: string;
  /** Number of weights. */
  parameters: number;
  /** The limit for the tokens of prompt and answer together. */
  contextLength: number;
  /** Number of distinct tokens: the length of {@link Engine.logits}. */
  vocabularySize: number;
  /** Numbers of a hidden state: see {@link Engine.states}. */
  hiddenSize: number;
  /** Names of the LoRA adapters that a call may choose. */
  loraAdapters: string[];
  /** Names of the goals of the reward model's head ({@link LoadOptions.head}); empty without one. */
  goals: string[];
  /** What a person should know about the file, in whole sentences: that its tokenizer is a guess, for one. Mostly empty. */
  warnings: string[];
  /** The backend that was chosen. */
  backend: "webgpu" | "wasm";
  /** The adapter's name; on the wasm backend, the processor's. */
  adapter: string;
  /** Capabilities in use: `"subgroups"`, `"f16"`, `"dp4a"`, `"simd128"`. */
  capabilities: string[];
  /** GPU memory in use, in bytes: weights, KV cache and scratch. 0 on the wasm backend. */
  gpuBytes: number;
  /** Threads that compute, on the wasm backend. */
  threads?: number;
  /** Licence of the model, where the file or the {@link ModelRef} names one. */
  license?: string;
}
