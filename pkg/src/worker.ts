// The script of the engine's worker.
import type { HostPort } from "./worker/host.js";
import { serve } from "./worker/host.js";
import { loadWasm } from "./wasm.js";

// TypeScript's DOM library takes every global scope for a window's.
serve(globalThis as unknown as HostPort, globalThis, loadWasm);
