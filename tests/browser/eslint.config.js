import js from "@eslint/js";

const names = (...names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

// Functions handed to the page run there: its globals stand beside Node's.
const NODE = names("Buffer", "URL", "clearTimeout", "console", "process", "setTimeout");
const PAGE = names(
  "AbortController",
  "Blob",
  "DataTransfer",
  "File",
  "Navigator",
  "PerformanceObserver",
  "WebAssembly",
  "Worker",
  "chrome",
  "document",
  "fetch",
  "getComputedStyle",
  "innerWidth",
  "judge",
  "location",
  "lunette",
  "navigator",
  "performance",
);
const WEBGPU = names("GPUAdapter", "GPUBuffer", "GPUDevice", "GPUOutOfMemoryError", "GPUQueue");
// Of pages that soak.mjs and watched.mjs open.
const SOAK = names("counts", "desk", "soak", "wasmBytes");

export default [js.configs.recommended, { languageOptions: { globals: { ...NODE, ...PAGE, ...WEBGPU, ...SOAK } } }];
