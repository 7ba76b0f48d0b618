// The script of the engine's worker, and of the threads that help it.
import { helpIfAsked } from "./worker/browser-threads.js";
import type { HostPort } from "./worker/host.js";
import { serve } from "./worker/host.js";
import { endThreads } from "./worker/threads.js";
import { loadWasm } from "./wasm.js";

// TypeScript's DOM library types every global scope as a window.
if (!helpIfAsked()) {
  serve(globalThis as unknown as HostPort, loadWasm, { scope: globalThis, onDisposed: endThreads });
}
