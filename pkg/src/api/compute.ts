import { fromWire, toWire } from "../wire/errors.js";
import { platform } from "../platform.js";
import type { WasmModule } from "../wire/wasm-contract.js";

/**
 * Runs work that needs no model on this thread, with a wasm module of its own. It takes a few milliseconds, and there may be
 * no worker.
 */
export async function compute<T>(work: (wasm: WasmModule) => T): Promise<T> {
  const wasm = await platform().loadWasm();
  try {
    return work(wasm);
  } catch (error) {
    throw fromWire(toWire(error));
  }
}
