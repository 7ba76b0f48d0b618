import { SHA256 } from "../../wasm/hash.js";
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

/** Where the module comes from. */
export interface ModuleFile {
  url: URL;
  bytes(): Promise<Uint8Array<ArrayBuffer>>;
  /** Compiles it while it arrives, where that can be done. */
  compile?(): Promise<{ module: WebAssembly.Module; bytes: Uint8Array<ArrayBuffer> }>;
  /** What to check when it cannot be had. */
  advice: string;
}

/** @param threads where threads can be had, if they can. */
export async function instantiate(file: ModuleFile, threads: ThreadHost | undefined): Promise<WasmModule> {
  const exported: unknown = generated;
  const wasm = exported as WasmModule;
  try {
    if (threads !== undefined) {
      const bytes = await file.bytes();
      await verify(bytes);
      await instantiateShared(bytes, threads);
    } else {
      const { module, bytes } = await (file.compile ?? compiled)();
      await verify(bytes);
      await wasm.default({ module_or_path: module });
    }
  } catch (cause) {
    throw new LunetteError(
      "engine-unavailable",
      `The engine's own file ${file.url.href} could not be loaded or compiled (${String(cause)}). ${file.advice}`,
      { cause },
    );
  }
  return wasm;

  async function compiled() {
    const bytes = await file.bytes();
    return { module: await WebAssembly.compile(bytes), bytes };
  }
}

/**
 * Refuses a file of another build than these scripts: old ones outlive their version in caches. Pages without HTTPS cannot hash.
 * A build that rewrites the file puts a module in place of hash.js whose hash is empty (docs/guides/bundlers.md).
 */
async function verify(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const { subtle } = crypto as Partial<Crypto>;
  if (subtle === undefined || SHA256 === "") return;
  const hash = new Uint8Array(await subtle.digest("SHA-256", bytes));
  const digits = Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (digits === SHA256) return;
  throw new Error(
    `it belongs to another version of the package: its SHA-256 is ${digits}, not ${SHA256}. ` +
      "Reload without the browser's cache, and serve all files of one version",
  );
}
