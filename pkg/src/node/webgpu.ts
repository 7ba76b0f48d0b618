import { listOf, text } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";

/** The npm package `webgpu`: Dawn, which is Chrome's implementation of WebGPU. */
interface Dawn {
  create(flags: string[]): unknown;
  globals: Record<string, unknown>;
}

let flags: string[] = [];

/**
 * Sets the flags of the npm package `webgpu` for later loads: `"backend=vulkan"`, `"adapter=…"` (part of a GPU's name),
 * `"enable-dawn-features=…"`.
 *
 * @throws {LunetteError} `invalid-argument` when it is not a list of strings. A flag that Dawn does not know fails the load.
 */
export function setDawnFlags(list: readonly string[]): void {
  flags = listOf(text)(list, "flags");
}

export function dawnFlags(): string[] {
  return flags;
}

let provided = false;

/**
 * Defines the WebGPU globals of a browser in this thread, which is the engine's own.
 *
 * @param insist WebGPU was asked for by name, so a missing package is an error.
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
      'Node has no WebGPU: install the npm package `webgpu` beside this one, or load with `backend: "wasm"`.',
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
  acceptSharedMemory(dawn.globals["GPUQueue"] as { prototype: GPUQueue });
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
}

/** What of WebGPU's queue is used here. */
interface GPUQueue {
  writeBuffer(buffer: unknown, offset: number, data: Uint8Array, ...range: number[]): void;
}

/** Copies what lies in shared memory, as the engine's numbers do: Dawn refuses it in Node. */
function acceptSharedMemory({ prototype }: { prototype: GPUQueue }): void {
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the queue below
  const { writeBuffer } = prototype;
  prototype.writeBuffer = function (buffer, offset, data, ...range) {
    writeBuffer.call(this, buffer, offset, data.buffer instanceof ArrayBuffer ? data : data.slice(), ...range);
  };
}

/** Imports by a name that bundlers do not follow: the package is optional and has a native module. */
export async function importDawn(): Promise<Dawn> {
  const name = "webgpu";
  return (await import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ name)) as Dawn;
}
