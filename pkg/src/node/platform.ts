import { pathToFileURL } from "node:url";
import type { Platform } from "../platform.js";
import { openHere, openWorker } from "./transport.js";
import { loadWasm } from "./wasm.js";

/** A URL's scheme. It has at least two letters, so `C:\models` is a path. */
const SCHEME = /^[a-z][a-z\d+.-]+:/iu;

/** Node: threads of `worker_threads`, and files by their paths. */
export const node: Platform = {
  threads: () => true,
  openWorker,
  openHere,
  loadWasm,
  locate: (address) => (SCHEME.test(address) ? new URL(address) : pathToFileURL(address)),
};
