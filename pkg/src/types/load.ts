import type { BuiltInTemplate } from "./judge.js";

/** A model by address, with what its file may not say of itself. */
export interface ModelRef {
  /**
   * Where the GGUF file lies. A relative address is resolved against the page. Of a file that is split, the first part
   * (`…-00001-of-0000N.gguf`): the others are found by name beside it.
   */
  url: string | URL;
  /**
   * Size in bytes, of all parts together: for plans and progress until the server tells it. Beside a `sha256` it is a
   * promise, and a file of another size is refused at once.
   */
  bytes?: number;
  /** SHA-256 of the file in hexadecimal digits, or one for each part. What has another is refused. */
  sha256?: string | string[];
  /** Licence shown in {@link ModelInfo.license} when the file names none. */
  license?: string;
  /** Where the licence can be read. */
  licenseUrl?: string;
  /** What people call the model. */
  name?: string;
  /** The built-in prompt template that the model was trained on. */
  template?: BuiltInTemplate;
  /** A Jinja chat template in place of the file's own: see {@link LoadOptions.chatTemplate}, which comes before it. */
  chatTemplate?: string;
}

/** A named model of {@link Models.catalogue}: what is known of it before a byte is fetched. */
export interface CatalogueEntry extends ModelRef {
  /** What {@link Judge.load} takes. */
  id: string;
  name: string;
  /** A sentence for people who choose. */
  description: string;
  /** The repository that publishes the file. */
  repository: string;
  file: string;
  /** Size in bytes; rounded, where no `sha256` stands beside it. */
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
  /** What else one should know. */
  note?: string;
}

/**
 * Whatever a model can be loaded from: a name of the catalogue or an address; a file that the user picked or that this origin's
 * own file system holds, or its handle (an array: the parts of a split file, in any order); or the bytes of a GGUF file.
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
 * Where the arithmetic runs. `webgpu` insists on WebGPU, `wasm` on SIMD WebAssembly; `auto` takes WebGPU on a
 * hardware adapter, else wasm.
 */
export type Backend = "auto" | "webgpu" | "wasm";

/**
 * An optional capability of a GPU that can be left unused, to test or to work around a driver. `"dp4a"`: products of packed
 * bytes, for large matrices on adapters by NVIDIA, AMD and Intel; activations are rounded to 16 bits for them.
 */
export type Capability = "subgroups" | "f16" | "dp4a";

/** How a model is loaded. */
export interface LoadOptions {
  /** Default `"auto"`. */
  backend?: Backend;
  /** GPU capabilities not to use even where the adapter has them. Default none. */
  disable?: Capability[];
  /** Tokens that prompt and answer may take together. Default: what the model was trained for, at most 8192. */
  contextLength?: number;
  /** Most sequences computed in one pass, when calls overlap: 1 to 64. Default 16. */
  maxBatch?: number;
  /**
   * A chat template as Jinja text, in place of the file's own: many files carry a broken one, or none. {@link Engine.chatPrompt}
   * shows what comes of it.
   */
  chatTemplate?: string;
  /** The day that a chat template may print, as `"2024-07-26"`. Default: always the same, so that verdicts repeat. */
  date?: string;
  /**
   * Default `true`: the engine runs in a Web Worker of its own, so that the page never blocks. `false` runs it on the
   * calling thread, for places without workers. A function starts the worker itself, as a module, from the script that
   * `lunette/worker` names: for pages under Trusted Types, and for packages that lie on another origin.
   */
  worker?: boolean | (() => Worker);
  /**
   * Default `true`: a model that is fetched is kept in this origin's storage (in Node: in a folder), so that the next load
   * needs no network. `false` neither reads nor writes there.
   */
  cache?: boolean;
  /** SHA-256 that the file must have, in hexadecimal digits. Of a split file, see {@link ModelRef.sha256}. */
  sha256?: string;
  /** Called as the load goes on, at most some twenty times a second. */
  onProgress?: (progress: Progress) => void;
  /** Called when the GPU was lost, and again with what came of it. */
  onRecovery?: (event: Recovery) => void;
  /** Stops the load; the promise rejects with code `"aborted"`. */
  signal?: AbortSignal;
}

/** How far a load has come. */
export interface Progress {
  /**
   * `wait`: another tab is fetching the same model; `download`: bytes from the network; `verify`: the rest is hashed;
   * `upload`: bytes from the cache or a file to where they are computed with; `compile`: shaders and pipelines; `ready`.
   */
  phase: "wait" | "download" | "verify" | "upload" | "compile" | "ready";
  /** Bytes; in `compile`, steps. */
  loaded: number;
  /** What `loaded` will reach, where it is known. */
  total?: number;
  /** Bytes per second, smoothed. */
  rate?: number;
  /** Milliseconds that the phase will still take at this rate. */
  etaMs?: number;
  /** What the user should know: that nothing is kept, and why; that the connection broke, and when it is tried again. */
  note?: string;
}

/** A lost GPU, and what came of it. */
export interface Recovery {
  /** `lost`: calls wait; `recovered`: they go on where they stood; `fallback`: they go on, on the wasm backend. */
  phase: "lost" | "recovered" | "fallback";
  /** What the driver or the browser said. */
  reason: string;
  /** How often the GPU was lost since the model was loaded. */
  losses: number;
  /** Where calls run from now on. */
  backend: "webgpu" | "wasm";
}

/** What a model takes and whether this machine can give it, from the file's header alone. */
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
  /** The backend that a load would take. */
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
  /** Bytes still to fetch, and bytes that are here already. */
  download: { bytes: number; cached: number };
  /** Where fetched models are kept; `available: false` where this browser has no such place. Sizes in bytes. */
  storage: { available: boolean; quota?: number; usage?: number; free?: number; persisted?: boolean };
  verdict: "fits" | "fits-with-smaller-context" | "does-not-fit";
  /** With `fits-with-smaller-context`: the largest that fits. */
  fittingContextLength?: number;
  /** Sentences for people, with the arithmetic. */
  reasons: string[];
}

/** A model in the cache. */
export interface CachedModel {
  /** What {@link Models.delete} and {@link Models.export} take; they take its name and its address too. */
  id: string;
  name: string;
  /** Where it came from, without what signs the address. Loading this address reads the cache. */
  url: string;
  /** Bytes that are here. */
  bytes: number;
  /** Bytes of the whole, where known. */
  total?: number;
  /** Whether the whole is here and its hash was right. */
  complete: boolean;
  /** SHA-256 of the file; of a split file, of its first part. */
  sha256?: string;
  /** What the hash was compared with: one that the caller gave, one that the host announced, or nothing but itself. */
  verified?: "pinned" | "host" | "recorded";
  /** When it was last loaded, in milliseconds since 1970. */
  lastUsed: number;
  license?: string;
}

/** Storage of this origin, in bytes. */
export interface StorageUsage {
  /** Used by everything of this origin. */
  usage: number;
  quota: number;
  /** Whether the browser may not clear it when space runs low. */
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
  /** Tokens that prompt and answer may take together. */
  contextLength: number;
  /** Number of distinct tokens: the length of {@link Engine.logits}. */
  vocabularySize: number;
  /** The backend that was chosen. */
  backend: "webgpu" | "wasm";
  /** The adapter's name; on the wasm backend, the processor's. */
  adapter: string;
  /** Capabilities in use: `"subgroups"`, `"f16"`, `"dp4a"`, `"simd128"`. */
  capabilities: string[];
  /** Bytes held on the GPU: weights, cache and scratch. 0 on the wasm backend. */
  gpuBytes: number;
  /** Licence of the model, where the file or the {@link ModelRef} names one. */
  license?: string;
}
