import { pathToFileURL } from "node:url";
import type { Platform } from "../platform.js";
import { openHere, openWorker } from "./transport.js";
import { loadWasm } from "./wasm.js";

/** A scheme has at least two letters, so that `C:\models` is a path. */
const SCHEME = /^[a-z][a-z\d+.-]+:/iu;

/** Node: threads of `worker_threads`, and files by their paths. */
export const node: Platform = {
  threads: () => true,
  openWorker,
  openHere,
  loadWasm,
  locate: (address) => (SCHEME.test(address) ? new URL(address) : pathToFileURL(address)),
};
