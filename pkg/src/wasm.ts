// The address of the wasm file. In an app that a bundler built, `../wasm/` lies beside the folder of the script.
import { instantiate, once } from "./worker/instantiate.js";
import { workersOfBrowser } from "./worker/browser-threads.js";

const advice =
  "Check that it is served, that the page's Content-Security-Policy allows 'wasm-unsafe-eval', and that the browser " +
  "knows WebAssembly SIMD.";

/** Fetches and compiles the engine, once for this thread. */
export const loadWasm = once(() => {
  // Bundlers find the wasm file by exactly this expression.
  const url = new URL("../wasm/lunette_bg.wasm", import.meta.url);
  return instantiate({ url, bytes: () => read(url), compile: () => compile(url), advice }, workersOfBrowser());
});

async function get(url: URL): Promise<Response> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`HTTP ${response.status}`);
  return response;
}

async function read(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  return bytesOf(await get(url));
}

async function bytesOf(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await response.arrayBuffer());
}

async function compile(url: URL): Promise<{ module: WebAssembly.Module; bytes: Uint8Array<ArrayBuffer> }> {
  const response = await get(url);
  const arriving = bytesOf(response.clone());
  // Browsers compile while it arrives only what is served as `application/wasm`.
  if (!response.headers.get("content-type")?.startsWith("application/wasm")) {
    const bytes = await arriving;
    return { module: await WebAssembly.compile(bytes), bytes };
  }
  const [module, bytes] = await Promise.all([WebAssembly.compileStreaming(response), arriving]);
  return { module, bytes };
}
