// The script of the engine's thread.
import { parentPort, workerData } from "node:worker_threads";
import type { HostPort } from "../worker/host.js";
import { serve } from "../worker/host.js";
import { endThreads } from "../worker/threads.js";
import { prepare } from "./prepare.js";
import { seeRedirects } from "./redirects.js";
import { openRows } from "./row-source.js";
import { openFolder } from "./store.js";
import { loadWasm } from "./wasm.js";
import { setDawnFlags } from "./webgpu.js";

/** What the thread is started with. */
export interface ThreadData {
  dawnFlags: string[];
}

seeRedirects();
setDawnFlags((workerData as ThreadData).dawnFlags);
// An error that no call catches ends the thread. The caller's side reports it.
serve(parentPort as unknown as HostPort, loadWasm, {
  prepare,
  openStorage: () => openFolder(),
  openRows,
  onDisposed: endThreads,
});
