// Where the engine's own file is. In an app that a bundler built, `../wasm/` is beside the folder of the script.
import { instantiate, once } from "./worker/instantiate.js";

/** Fetches and compiles the engine, once for this thread. */
export const loadWasm = once(() => {
  // Bundlers look for exactly this expression to find the file and ship it.
  const url = new URL("../wasm/lunette_bg.wasm", import.meta.url);
  const advice =
    "Check that it is served, that the page's Content-Security-Policy allows 'wasm-unsafe-eval', and that the browser " +
    "knows WebAssembly SIMD.";
  return instantiate(() => url, url, advice);
});
