import type { Transport } from "./wire/client.js";
import { openWorker, unavailable } from "./wire/transport.js";
import type { WasmModule } from "./wire/wasm-contract.js";

/** What differs between a browser and Node. */
export interface Platform {
  /** Whether the engine can have its own thread. */
  threads(): boolean;
  /** @param make starts the worker, in place of the package. */
  openWorker(make?: () => Worker): Transport;
  /** Runs the engine on this thread. */
  openHere(): Promise<Transport>;
  /** Loads the engine's code on this thread. */
  loadWasm(): Promise<WasmModule>;
  /**
   * Resolves an address.
   *
   * @throws {TypeError} when it is not a valid address.
   */
  locate(address: string): URL;
}

const browser: Platform = {
  threads: () => typeof Worker !== "undefined",
  openWorker: (make = startWorker) => openWorker(make),
  async openHere() {
    const { openInline } = await code(import("./worker/inline.js"));
    return openInline(loadWasm);
  },
  loadWasm,
  locate(address) {
    // A worker has no document, only its own location.
    const scope = globalThis as { document?: { baseURI: string }; location?: { href: string } };
    return new URL(address, scope.document?.baseURI ?? scope.location?.href);
  },
};

function startWorker(): Worker {
  // Bundlers find the worker's file by exactly this expression.
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "lunette" });
}

// Imported on demand: a page that uses a worker then loads the engine's code only there.
async function loadWasm(): Promise<WasmModule> {
  const { loadWasm } = await code(import("./wasm.js"));
  return loadWasm();
}

function code<T>(module: Promise<T>): Promise<T> {
  return module.catch((cause: unknown) => {
    throw unavailable("code", cause);
  });
}

let current = browser;

/** The platform in use. Default: a browser. */
export function platform(): Platform {
  return current;
}

/** Sets the platform. Node's entries call this before anything else of the package is used. */
export function usePlatform(other: Platform): void {
  current = other;
}
