// A disposed judge frees all of its memory: measured over fifty judges in one page.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { tinyJudge } from "./gguf.mjs";
import { browser, minutes, server } from "./session.mjs";
import { watchedPage } from "./watched.mjs";

const CYCLES = 50;
/** Warm-up cycles, after which everything that is created only once exists. */
const SETTLED = 10;
const KIB = 1024;

const task = {
  input: "Say what a lunette is.",
  response: "A small window above a door.",
  rubric: { objective: "Is it right?", scale: { 1: "no", 2: "in part", 3: "yes" } },
};

/**
 * Bytes that all judges together may add to the wasm heap: the memory of one, because a fragmented heap may once lack a large
 * enough hole. tests/memory.rs measures the same exactly, with an allocator.
 */
const KEPT = 2048 * KIB;

describe("fifty judges, one after the other", () => {
  let page, session;

  before(async () => {
    (await server()).files.set("tiny-judge.gguf", tinyJudge());
    page = await watchedPage(await browser(), (await server()).origin);
    session = await page.context().newCDPSession(page);
  });

  after(() => page?.close());

  /** Loads, judges and disposes. Returns the memory and the objects that remain. */
  async function cycle(options) {
    const { expected, during } = await page.evaluate(
      async ([task, options]) => {
        const judge = await lunette.Judge.load("/files/tiny-judge.gguf", { ...options, cache: false });
        const { expected } = await judge.score(task, { critique: false });
        const during = { ...globalThis.counts };
        await judge.dispose();
        return { expected, during };
      },
      [task, options],
    );
    return { expected, during };
  }

  async function left() {
    await session.send("HeapProfiler.collectGarbage");
    const { usedSize } = await session.send("Runtime.getHeapUsage");
    const counted = await page.evaluate(() => ({
      ...globalThis.counts,
      wasm: wasmBytes(),
    }));
    return { heap: usedSize, ...counted };
  }

  for (const options of [
    { backend: "wasm", worker: false },
    { backend: "webgpu", worker: false },
    { backend: "wasm", worker: true },
  ]) {
    const name = `${options.backend}, ${options.worker ? "each in a worker" : "on the page's own thread"}`;
    test(name, minutes(8), async () => {
      let settled, first;
      for (let i = 1; i <= CYCLES; i++) {
        const { expected, during } = await cycle(options);
        first ??= expected;
        assert.equal(expected, first);
        assert.equal(during.workers, options.worker ? 1 : 0);
        assert.ok(options.backend === "wasm" || during.buffers > 10, "the GPU's buffers were not counted");
        if (i === SETTLED) settled = await left();
      }
      const end = await left();
      assert.deepEqual(
        { buffers: end.buffers, devices: end.devices, workers: end.workers },
        { buffers: 0, devices: 0, workers: 0 },
      );
      const kept = end.wasm - settled.wasm;
      assert.ok(kept <= KEPT, `the wasm heap has grown by ${kept} bytes`);
      const grown = end.heap - settled.heap;
      console.log(`# ${name}: ${(end.wasm / KIB).toFixed()} KiB of wasm, ${(grown / KIB).toFixed(1)} KiB more JS heap`);
      assert.ok(grown < 256 * KIB, `the JS heap has grown by ${grown} bytes in ${CYCLES - SETTLED} cycles`);
    });
  }
});
