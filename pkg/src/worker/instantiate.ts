import * as generated from "../../wasm/lunette.js";
import { LunetteError } from "../wire/errors.js";
import type { ThreadHost } from "./threads.js";
import { instantiateShared } from "./threads.js";
import type { WasmModule } from "../wire/wasm-contract.js";

/** Runs `start` at the first call and keeps its result. After a failure the next call tries again. */
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

/**
 * @param threads where threads can be had, if they can.
 * @param advice what to check when the module cannot be had from `url`.
 */
export async function instantiate(
  read: () => Promise<Uint8Array<ArrayBuffer>>,
  url: URL,
  advice: string,
  threads: ThreadHost | undefined,
): Promise<WasmModule> {
  const exported: unknown = generated;
  const wasm = exported as WasmModule;
  try {
    if (threads !== undefined) await instantiateShared(await read(), threads);
    // Compiled while it arrives.
    else await wasm.default({ module_or_path: url });
  } catch (cause) {
    throw new LunetteError(
      "engine-unavailable",
      `The engine's own file ${url.href} could not be loaded or compiled (${String(cause)}). ${advice}`,
      { cause },
    );
  }
  return wasm;
}
