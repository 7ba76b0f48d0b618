import type { Transport } from "./wire/client.js";
import { openWorker, unavailable } from "./wire/transport.js";
import type { WasmModule } from "./wire/wasm-contract.js";

/** What a browser and Node do each in their own way. */
export interface Platform {
  /** Whether a thread of its own can be had for the engine. */
  threads(): boolean;
  /** @param make starts it in place of the package. */
  openWorker(make?: () => Worker): Transport;
  /** Runs the engine on this thread. */
  openHere(): Promise<Transport>;
  /** The engine's code, on this thread. */
  loadWasm(): Promise<WasmModule>;
  /**
   * The address that a text names.
   *
   * @throws {TypeError} when it names none.
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
    // A page has a document; a worker only its own location.
    const scope = globalThis as { document?: { baseURI: string }; location?: { href: string } };
    return new URL(address, scope.document?.baseURI ?? scope.location?.href);
  },
};

function startWorker(): Worker {
  // Bundlers look for exactly this expression to find the file and build it.
  return new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "lunette" });
}

// The engine's code is loaded only when it is used here: a page with a worker has it once, in the worker.
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

/** The platform that this package runs on: a browser's, unless the entry for another one said so. */
export function platform(): Platform {
  return current;
}

/** Called by the entry that the `exports` of package.json choose, before anything else of the package is used. */
export function usePlatform(other: Platform): void {
  current = other;
}
