// A GPU without enough memory. Test machines have no GPU that could be filled, so the browser is patched: it reports a hardware
// adapter, and refuses large buffers like WebGPU, through the error scope.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { tinyJudge } from "./gguf.mjs";
import { openPackage } from "./lib.mjs";
import { browser, minutes, server } from "./session.mjs";

/** A page with a hardware adapter that has no memory for buffers of more than `most` bytes. */
async function pageOnCard(most) {
  const page = await openPackage(await browser(), (await server()).origin);
  await page.evaluate((most) => {
    const card = { vendor: "acme", architecture: "card-1", device: "", description: "", isFallbackAdapter: false };
    Object.defineProperty(GPUAdapter.prototype, "info", { get: () => card });
    Object.defineProperty(GPUDevice.prototype, "adapterInfo", { get: () => card });
    const { pushErrorScope, popErrorScope, createBuffer } = GPUDevice.prototype;
    const scopes = [];
    GPUDevice.prototype.pushErrorScope = function (filter) {
      scopes.push({ filter, refused: 0 });
      pushErrorScope.call(this, filter);
    };
    GPUDevice.prototype.createBuffer = function (asked) {
      const scope = scopes.findLast(({ filter }) => filter === "out-of-memory");
      if (asked.size > most && scope) scope.refused = asked.size;
      return createBuffer.call(this, asked);
    };
    GPUDevice.prototype.popErrorScope = async function () {
      const { refused } = scopes.pop();
      const error = await popErrorScope.call(this);
      return refused > 0 ? new GPUOutOfMemoryError(`no room for ${refused} bytes`) : error;
    };
  }, most);
  return page;
}

const load = (page, backend) =>
  page.evaluate(async (backend) => {
    try {
      const judge = await lunette.Judge.load("/files/tiny-judge.gguf", { backend, worker: false, cache: false });
      const { backend: got } = judge.info;
      await judge.dispose();
      return { backend: got };
    } catch (error) {
      return { code: error.code, message: error.message };
    }
  }, backend);

describe("a GPU without room", () => {
  const pages = [];
  const open = async (most) => {
    const page = await pageOnCard(most);
    pages.push(page);
    return page;
  };

  before(async () => {
    (await server()).files.set("tiny-judge.gguf", tinyJudge());
  });

  after(() => Promise.all(pages.map((page) => page.close())));

  test("auto takes the card where there is room", minutes(3), async () => {
    assert.deepEqual(await load(await open(Infinity), "auto"), { backend: "webgpu" });
  });

  test("auto goes on in the wasm heap where there is none", minutes(3), async () => {
    assert.deepEqual(await load(await open(100_000), "auto"), { backend: "wasm" });
  });

  test("a load that insists on the GPU ends, and says what to do", minutes(3), async () => {
    const { code, message } = await load(await open(100_000), "webgpu");
    assert.equal(code, "out-of-memory", message);
    assert.match(message, /^\S.{20,}[.!?]$/su);
  });
});
