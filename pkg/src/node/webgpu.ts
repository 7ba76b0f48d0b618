import { listOf, text } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";

/** The npm package `webgpu`: Dawn, which is Chrome's implementation of WebGPU. */
interface Dawn {
  create(flags: string[]): unknown;
  globals: Record<string, unknown>;
}

let flags: string[] = [];

/**
 * Sets what the npm package `webgpu` is started with, for every model that is loaded from now on: `"backend=vulkan"`,
 * `"adapter=…"` (part of a GPU's name), `"enable-dawn-features=…"`.
 *
 * @throws {LunetteError} `invalid-argument` when it is no list of texts. A flag that Dawn does not know shows at the load.
 */
export function setDawnFlags(list: readonly string[]): void {
  flags = listOf(text)(list, "flags");
}

export function dawnFlags(): string[] {
  return flags;
}

let provided = false;

/**
 * Gives this thread, which is the engine's own, the globals that the engine looks for in a browser's worker.
 *
 * @param insist WebGPU was asked for by name: without the package there is no going on.
 */
export async function provideWebGpu(insist: boolean): Promise<void> {
  if (provided) return;
  let dawn: Dawn;
  try {
    dawn = await importDawn();
  } catch (cause) {
    if (!insist) return;
    throw new LunetteError(
      "no-gpu",
      'Node has no WebGPU of its own: install the npm package `webgpu` beside this one, or load with `backend: "wasm"`.',
      { cause },
    );
  }
  let gpu: unknown;
  try {
    gpu = dawn.create(flags);
  } catch (cause) {
    if (!insist) return;
    throw new LunetteError("no-gpu", `WebGPU did not start (${String(cause)}). Check the flags and the GPU's driver.`, {
      cause,
    });
  }
  provided = true;
  const WorkerGlobalScope = { [Symbol.hasInstance]: (value: unknown) => value === globalThis };
  Object.assign(globalThis, dawn.globals, { WorkerGlobalScope });
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}

/** By a name that bundlers do not follow: the package is optional, and holds a native module. */
export async function importDawn(): Promise<Dawn> {
  const name = "webgpu";
  return (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name)) as Dawn;
}
