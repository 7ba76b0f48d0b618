import { readFile } from "node:fs/promises";
import { instantiate, once } from "../worker/instantiate.js";
import { nodeThreads } from "./threads.js";

/** Reads and compiles the engine, once for this thread. */
export const loadWasm = once(() => {
  const url = new URL("../../wasm/lunette_bg.wasm", import.meta.url);
  const bytes = async () => new Uint8Array(await readFile(url));
  return instantiate({ url, bytes, advice: "Check that the package is installed whole." }, nodeThreads);
});
