import { fromWire, toWire } from "./errors.js";
import { unavailable } from "./transport.js";
import type { WasmModule } from "./wasm-contract.js";

/** Runs on this thread, with a module of its own: it is some milliseconds of work, and
 * no model may be loaded. */
export async function compute<T>(work: (wasm: WasmModule) => T): Promise<T> {
  const wasm = await here();
  try {
    return work(wasm);
  } catch (error) {
    throw fromWire(toWire(error));
  }
}

/** Loaded only here, so that a page which asks for none of it has the module once, in its worker. */
async function here(): Promise<WasmModule> {
  const code = await import("./wasm.js").catch((cause: unknown) => {
    throw unavailable("code", cause);
  });
  return code.loadWasm();
}
