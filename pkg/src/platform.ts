import type { Transport } from "./client.js";
import { openHere, openWorker, unavailable } from "./transport.js";
import type { WasmModule } from "./wasm-contract.js";

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
  openWorker,
  openHere,
  // Loaded only here, so that a page which needs none of it has the module once, in its worker.
  async loadWasm() {
    const code = await import("./wasm.js").catch((cause: unknown) => {
      throw unavailable("code", cause);
    });
    return code.loadWasm();
  },
  locate(address) {
    // A page has a document; a worker only its own location.
    const scope = globalThis as { document?: { baseURI: string }; location?: { href: string } };
    return new URL(address, scope.document?.baseURI ?? scope.location?.href);
  },
};

let current = browser;

/** The platform that this package runs on: a browser's, unless the entry for another one said so. */
export function platform(): Platform {
  return current;
}

/** Called by the entry that the `exports` of package.json choose, before anything else of the package is used. */
export function usePlatform(other: Platform): void {
  current = other;
}
