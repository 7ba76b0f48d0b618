import * as generated from "../wasm/lunette.js";
import { LunetteError } from "./errors.js";
import type { WasmModule } from "./wasm-contract.js";

/** Fetches and compiles the engine, once for this thread. */
export const loadWasm = once(() => {
  // Bundlers look for exactly this expression to find the file and ship it.
  const url = new URL("../wasm/lunette_bg.wasm", import.meta.url);
  const advice =
    "Check that it is served, that the page's Content-Security-Policy allows 'wasm-unsafe-eval', and that the browser " +
    "knows WebAssembly SIMD.";
  return instantiate(() => url, url, advice);
});

/** Starts at the first call. A failure is forgotten, so that a later call tries again. */
export function once<T>(start: () => Promise<T>): () => Promise<T> {
  let started: Promise<T> | undefined;
  return () => {
    started ??= start().catch((error: unknown) => {
      started = undefined;
      throw error;
    });
    return started;
  };
}

/** @param advice what to check when the module cannot be had from `url`. */
export async function instantiate(
  read: () => URL | Promise<BufferSource>,
  url: URL,
  advice: string,
): Promise<WasmModule> {
  const exported: unknown = generated;
  const wasm = exported as WasmModule;
  try {
    await wasm.default({ module_or_path: await read() });
  } catch (cause) {
    throw new LunetteError(
      "engine-unavailable",
      `The engine's own file ${url.href} could not be loaded or compiled (${String(cause)}). ${advice}`,
      { cause },
    );
  }
  return wasm;
}
