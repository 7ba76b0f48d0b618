import type { Share, ThreadHost } from "./threads.js";
import { help } from "./threads.js";

/** The name of a worker that helps. It runs the script of the engine's worker, which is the one that bundlers know. */
const NAME = "lunette-thread";

/** What of a worker's global scope is used here. TypeScript's DOM library types every global scope as a window. */
interface WorkerScope extends EventTarget {
  name: string;
  location: { href: string };
  /** Undefined on a page. */
  importScripts?: unknown;
  postMessage(message: unknown): void;
}

const scope = globalThis as unknown as WorkerScope;

/** Where threads can be had: in a worker (a page must not wait for a thread) with cross-origin isolation. */
export function workersOfBrowser(): ThreadHost | undefined {
  // WebKitGTK calls a page isolated, and has no shared memory.
  const isolated = globalThis.crossOriginIsolated && typeof SharedArrayBuffer !== "undefined";
  if (!isolated || typeof Worker === "undefined" || scope.importScripts === undefined) return;
  return { cores: navigator.hardwareConcurrency, open, close };
}

/** Helps, if this worker was started for that. */
export function helpIfAsked(): boolean {
  if (scope.name !== NAME) return false;
  const start = (event: Event) => void help((event as MessageEvent<Share>).data, scope);
  scope.addEventListener("message", start, { once: true });
  return true;
}

/** Kept: a browser may end a worker that nobody refers to. */
const workers = new Set<Worker>();

function close(): Promise<void> {
  for (const worker of workers) worker.terminate();
  workers.clear();
  return Promise.resolve();
}

/** As a module, and else as a bundler's script without imports. A worker cannot find out which of them it is itself. */
function open(share: Share): Promise<void> {
  return start(share, "module").catch(() => start(share, "classic"));
}

function start(share: Share, type: WorkerType): Promise<void> {
  const worker = new Worker(scope.location.href, { name: NAME, type });
  workers.add(worker);
  return new Promise((resolve, reject) => {
    worker.onmessage = () => {
      resolve();
    };
    worker.onerror = (event) => {
      event.preventDefault();
      worker.terminate();
      workers.delete(worker);
      reject(new Error(event.message));
    };
    worker.postMessage(share);
  });
}
