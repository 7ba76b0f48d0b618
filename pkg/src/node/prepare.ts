import { LunetteError } from "../wire/errors.js";
import type { Prepare } from "../worker/host.js";
import { fromDisk } from "./files.js";
import { provideWebGpu } from "./webgpu.js";

/** What a load needs of Node before it begins, in a thread of the engine's own. */
export const prepare: Prepare = async (source, options) => {
  if (options.backend !== "wasm") await provideWebGpu(options.backend === "webgpu");
  return fromDisk(source);
};

/** The same on the caller's thread, which has no WebGPU: its globals are not ours to change. */
export const prepareHere: Prepare = async (source, options) => {
  if (options.backend === "webgpu") {
    const message =
      'WebGPU in Node needs the engine\'s own thread. Load without `worker: false`, or with `backend: "wasm"`.';
    throw new LunetteError("no-gpu", message);
  }
  return fromDisk(source);
};
