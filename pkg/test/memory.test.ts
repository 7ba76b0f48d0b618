import { afterEach, assert, expect, test, vi } from "vitest";
import { sharedMemory } from "../src/worker/memory.js";

/** A module that imports `env.memory` of 3 to 200 pages, and exports it and a function that grows it by a page. */
const module = () =>
  new Uint8Array([
    ...[0, 97, 115, 109, 1, 0, 0, 0],
    ...[1, 5, 1, 96, 0, 1, 127],
    ...[2, 17, 1, 3, ...ascii("env"), 6, ...ascii("memory"), 2, 1, 3, 200, 1],
    ...[3, 2, 1, 0],
    ...[7, 17, 2, 6, ...ascii("memory"), 2, 0, 4, ...ascii("grow"), 0, 0],
    ...[10, 8, 1, 6, 0, 65, 1, 64, 0, 11],
  ]);

const ascii = (text: string) => new TextEncoder().encode(text);

interface Exports {
  memory: WebAssembly.Memory;
  grow(): number;
}

async function run(bytes: Uint8Array<ArrayBuffer>, memory: WebAssembly.Memory): Promise<Exports> {
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as unknown as Exports;
}

test("a published module has a memory of its own", async () => {
  const exports = await run(module(), new WebAssembly.Memory({ initial: 3, maximum: 200 }));
  expect(exports.grow()).toBe(3);
  expect(exports.memory.buffer).toBeInstanceOf(ArrayBuffer);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

/** A system that has at most so many pages of shared memory. */
function withAtMost(pages: number): void {
  const limited = new Proxy(WebAssembly.Memory, {
    construct(Memory, [descriptor]: [WebAssembly.MemoryDescriptor]) {
      if ((descriptor.maximum ?? 0) > pages) throw new RangeError("out of memory");
      return new Memory(descriptor);
    },
  });
  vi.stubGlobal("WebAssembly", { ...WebAssembly, Memory: limited });
}

test("a module takes shared memory of the size that it states", async () => {
  const bytes = module();
  const memory = sharedMemory(bytes);
  assert(memory);
  const exports = await run(bytes, memory);
  expect(exports.grow()).toBe(3);
  expect(exports.memory.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(() => memory.grow(196)).not.toThrow();
  expect(() => memory.grow(1)).toThrow();
});

test("it takes less where there is less, and none where there is none", async () => {
  withAtMost(60);
  const bytes = module();
  const memory = sharedMemory(bytes);
  vi.unstubAllGlobals();
  assert(memory);
  await run(bytes, memory);
  expect(() => memory.grow(47)).not.toThrow();
  expect(() => memory.grow(1)).toThrow();

  withAtMost(2);
  const untouched = module();
  expect(sharedMemory(untouched)).toBeUndefined();
  expect(untouched).toEqual(module());
});

test("another file is refused", () => {
  expect(() => sharedMemory(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]))).toThrow("does not import a memory");
  expect(() => sharedMemory(new Uint8Array())).toThrow("does not import a memory");
});
