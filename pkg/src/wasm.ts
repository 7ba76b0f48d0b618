import * as generated from "../wasm/lunette.js";
import { LunetteError } from "./errors.js";
import type { WasmModule } from "./wasm-contract.js";

let started: Promise<WasmModule> | undefined;

/** Fetches and compiles the engine, once for this thread. A failure is forgotten, so that a later call tries again. */
export function loadWasm(): Promise<WasmModule> {
  started ??= start().catch((error: unknown) => {
    started = undefined;
    throw error;
  });
  return started;
}

async function start(): Promise<WasmModule> {
  // Bundlers look for exactly this expression to find the file and ship it.
  const url = new URL("../wasm/lunette_bg.wasm", import.meta.url);
  const exported: unknown = generated;
  const wasm = exported as WasmModule;
  try {
    await wasm.default({ module_or_path: url });
  } catch (cause) {
    throw new LunetteError(
      "engine-unavailable",
      `The engine's own file ${url.href} could not be loaded or compiled (${String(cause)}). Check that it is served, that the page's ` +
        "Content-Security-Policy allows 'wasm-unsafe-eval', and that the browser knows WebAssembly SIMD.",
      { cause },
    );
  }
  return wasm;
}
