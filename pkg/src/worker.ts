// The script of the engine's worker.
import type { HostPort } from "./worker/host.js";
import { serve } from "./worker/host.js";
import { loadWasm } from "./wasm.js";

// TypeScript's DOM library types every global scope as a window.
serve(globalThis as unknown as HostPort, globalThis, loadWasm);
