import { LunetteError } from "../wire/errors.js";
import type { Prepare } from "../worker/host.js";
import { fromDisk } from "./files.js";
import { provideWebGpu } from "./webgpu.js";

/** Prepares a load in the engine's own thread: sets up WebGPU and opens files. */
export const prepare: Prepare = async (source, options) => {
  if (options.backend !== "wasm") await provideWebGpu(options.backend === "webgpu");
  return fromDisk(source);
};

/** The same on the caller's thread, without WebGPU: the package must not change the caller's globals. */
export const prepareHere: Prepare = async (source, options) => {
  if (options.backend === "webgpu") {
    const message =
      'WebGPU in Node needs the engine\'s own thread. Load without `worker: false`, or with `backend: "wasm"`.';
    throw new LunetteError("no-gpu", message);
  }
  return fromDisk(source);
};
