import { fromWire, toWire } from "../wire/errors.js";
import { platform } from "../platform.js";
import type { WasmModule } from "../wire/wasm-contract.js";

/** Runs on this thread, with a module of its own: it is some milliseconds of work, and
 * no model may be loaded. */
export async function compute<T>(work: (wasm: WasmModule) => T): Promise<T> {
  const wasm = await platform().loadWasm();
  try {
    return work(wasm);
  } catch (error) {
    throw fromWire(toWire(error));
  }
}
