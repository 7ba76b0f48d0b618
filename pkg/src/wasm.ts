// The address of the wasm file. In an app that a bundler built, `../wasm/` lies beside the folder of the script.
import { instantiate, once } from "./worker/instantiate.js";
import { workersOfBrowser } from "./worker/browser-threads.js";

/** Fetches and compiles the engine, once for this thread. */
export const loadWasm = once(() => {
  // Bundlers find the wasm file by exactly this expression.
  const url = new URL("../wasm/lunette_bg.wasm", import.meta.url);
  const advice =
    "Check that it is served, that the page's Content-Security-Policy allows 'wasm-unsafe-eval', and that the browser " +
    "knows WebAssembly SIMD.";
  return instantiate(() => fetchBytes(url), url, advice, workersOfBrowser());
});

async function fetchBytes(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
