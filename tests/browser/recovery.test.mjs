// Lost devices in the browser: every call ends, with the same result as without the loss.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { tinyJudge } from "./gguf.mjs";
import { launch, modelUrl, openPackage } from "./lib.mjs";
import { browser, minutes, quick, server } from "./session.mjs";

const ROWS = 20;
const LOSSES = 10;

/** The rows of an evaluation, which share a part of their texts. */
const rows = Array.from({ length: ROWS }, (_, row) => ({
  input: "Say what a lunette is.",
  response: `A window number ${row}, ${"small ".repeat(row % 4)}above a door.`,
  rubric: { objective: "Is it right?", scale: { 1: "no", 2: "hardly", 3: "in part", 4: "mostly", 5: "yes" } },
}));

/** A page in which `lose(gaps)` destroys the device whenever so many submits were made. The engine is on its thread. */
async function pageWithLosses() {
  const page = await openPackage(await browser(), (await server()).origin);
  await page.evaluate(() => {
    const devices = [];
    const { requestDevice } = GPUAdapter.prototype;
    GPUAdapter.prototype.requestDevice = async function (...options) {
      const device = await requestDevice.apply(this, options);
      devices.push(device);
      // Destroy the device before its first use, if the test wants that.
      if (globalThis.doomed > 0) device.destroy();
      globalThis.doomed -= 1;
      return device;
    };
    globalThis.doomed = 0;
    globalThis.submits = 0;
    let [gaps, left] = [[], 0];
    const next = () => (left = gaps.length > 0 ? gaps.shift() : Infinity);
    const { submit } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (commands) {
      submit.call(this, commands);
      globalThis.submits += 1;
      left -= 1;
      if (left > 0) return;
      next();
      devices.at(-1).destroy();
    };
    globalThis.lose = (list) => {
      gaps = [...list];
      next();
    };
    next();
    // Destroy the device at its first write, if the test wants that.
    globalThis.spoilt = false;
    const { writeBuffer } = GPUQueue.prototype;
    GPUQueue.prototype.writeBuffer = function (...given) {
      writeBuffer.apply(this, given);
      if (globalThis.spoilt) devices.at(-1).destroy();
      globalThis.spoilt = false;
    };
  });
  return page;
}

/** Pseudo-random numbers from 1 to `most`. */
function gaps(count, most, seed) {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return 1 + Math.floor((state / 2 ** 32) * most);
  });
}

/** Judges all rows in parallel, while the device is lost after these numbers of submits. */
const evaluate = (page, rows, gaps) =>
  page.evaluate(
    async ([rows, gaps]) => {
      const before = globalThis.submits;
      globalThis.lose(gaps);
      const verdicts = await Promise.all(rows.map((row) => judge.score(row, { critique: false })));
      globalThis.lose([]);
      return {
        submits: globalThis.submits - before,
        verdicts: verdicts.map(({ score, expected, distribution, outside }) => ({
          score,
          numbers: [expected, ...Object.values(distribution), outside],
        })),
      };
    },
    [rows, gaps],
  );

function same(disturbed, undisturbed) {
  assert.equal(disturbed.length, undisturbed.length);
  for (const [row, { score, numbers }] of disturbed.entries()) {
    const expected = undisturbed[row];
    assert.equal(score, expected.score, `row ${row}`);
    for (const [i, number] of numbers.entries()) {
      const difference = Math.abs(number - expected.numbers[i]);
      assert.ok(difference < 1e-6, `row ${row}: ${number} in place of ${expected.numbers[i]}`);
    }
  }
}

describe("lost devices", () => {
  let page;

  before(async () => {
    const { files } = await server();
    files.set("tiny-judge.gguf", tinyJudge());
    page = await pageWithLosses();
  });

  after(() => page?.close());

  const load = (url) =>
    page.evaluate(async (url) => {
      globalThis.events = [];
      const onRecovery = (event) => globalThis.events.push({ ...event });
      globalThis.judge = await lunette.Judge.load(url, { backend: "webgpu", worker: false, cache: false, onRecovery });
    }, url);

  test("20 rows with 10 lost devices have the verdicts of 20 rows with none", minutes(6), async () => {
    await load("/files/tiny-judge.gguf");
    const calm = await evaluate(page, rows, []);
    // The rows must differ, or their equality would prove nothing.
    assert.ok(new Set(calm.verdicts.map(({ numbers }) => numbers[0])).size > ROWS / 2);
    // The prompts are in the KV cache now, and the first loss makes the engine compute all of them again. The number of submits
    // depends on their speed, so the remaining losses come in a second or a third evaluation.
    const most = Math.max(2, Math.floor(calm.submits / LOSSES));
    const waits = gaps(LOSSES, most, 3);
    const lost = () => page.evaluate(() => globalThis.events.filter(({ phase }) => phase === "lost").length);
    let [evaluations, submits] = [0, 0];
    for (let done = 0; done < LOSSES && evaluations < 5; done = await lost()) {
      const storm = await evaluate(page, rows, waits.slice(done));
      same(storm.verdicts, calm.verdicts);
      evaluations += 1;
      submits += storm.submits;
    }
    const { events, info } = await page.evaluate(() => ({ events: globalThis.events, info: judge.info }));
    assert.equal(events.filter(({ phase }) => phase === "lost").length, LOSSES, JSON.stringify(events));
    assert.deepEqual(events.at(-1), { ...events.at(-1), phase: "recovered", losses: LOSSES, backend: "webgpu" });
    assert.equal(info.backend, "webgpu");
    console.log(
      `# ${submits} submits in ${evaluations} evaluations with ${LOSSES} losses, ${calm.submits} in one without`,
    );
  });

  test(
    "a page that never stops destroying devices ends on the wasm backend, with all verdicts",
    minutes(6),
    async () => {
      const { verdicts } = await evaluate(
        page,
        rows.slice(0, 4),
        Array.from({ length: 99 }, () => 2),
      );
      assert.equal(verdicts.length, 4);
      const { events, info } = await page.evaluate(() => ({ events: globalThis.events, info: judge.info }));
      assert.equal(events.at(-1).phase, "fallback", JSON.stringify(events));
      assert.equal(events.at(-1).backend, "wasm");
      assert.equal(info.backend, "wasm");
      await page.evaluate(() => judge.dispose());
    },
  );

  /** Loads the judge again and judges once, on devices that end as `fate` says. */
  const judgeOnce = (fate) =>
    page.evaluate(
      async ([row, fate]) => {
        const phases = [];
        Object.assign(globalThis, fate);
        const judge = await lunette.Judge.load("/files/tiny-judge.gguf", {
          backend: "webgpu",
          worker: false,
          cache: false,
          onRecovery: ({ phase }) => phases.push(phase),
        });
        const { expected } = await judge.score(row, { critique: false });
        const { backend } = judge.info;
        await judge.dispose();
        Object.assign(globalThis, { spoilt: false, doomed: 0 });
        return { phases, expected, backend };
      },
      [rows[0], fate],
    );

  test("a device that goes before or while it is filled is replaced, and the caller is told", minutes(3), async () => {
    const calm = await judgeOnce({});
    assert.deepEqual([calm.phases, calm.backend], [[], "webgpu"]);
    for (const fate of [{ doomed: 1 }, { spoilt: true }]) {
      assert.deepEqual(await judgeOnce(fate), { ...calm, phases: ["lost", "recovered"] }, JSON.stringify(fate));
    }
    // If every device is lost, the load falls back to the wasm backend.
    const { phases, expected, backend } = await judgeOnce({ doomed: Infinity });
    assert.deepEqual([phases.at(0), phases.at(-1), backend], ["lost", "fallback", "wasm"]);
    assert.ok(Math.abs(expected - calm.expected) < 1e-2);
  });

  test("the default model goes on where it stood", { ...minutes(8), skip: quick }, async () => {
    await load(modelUrl);
    const generate = (gaps) =>
      page.evaluate(async (gaps) => {
        globalThis.lose(gaps);
        const options = { maxTokens: 6, logprobs: true };
        const { text, tokens, logprobs } = await judge.engine.generate("The moon goes round", options);
        globalThis.lose([]);
        return { text, tokens: [...tokens], logprobs: [...logprobs] };
      }, gaps);
    const calm = await generate([]);
    const events = () => page.evaluate(() => globalThis.events.map(({ phase }) => phase));
    assert.deepEqual(await events(), []);
    assert.deepEqual(await generate([4]), calm);
    assert.deepEqual(await events(), ["lost", "recovered"]);
    await page.evaluate(() => judge.dispose());
  });
});

// A real loss: the GPU process of the whole browser ends, as after a driver's crash.
describe("a GPU process that crashes", () => {
  let own;

  before(async () => {
    (await server()).files.set("tiny-judge.gguf", tinyJudge());
    own = await launch();
  });

  after(() => own?.close());

  test("a judge in a worker survives it, and leaves the GPU alone after the third time", minutes(6), async () => {
    const page = await openPackage(own, (await server()).origin);
    const session = await own.newBrowserCDPSession();
    await page.evaluate(async () => {
      globalThis.events = [];
      const onRecovery = (event) => globalThis.events.push({ ...event });
      const options = { backend: "webgpu", cache: false, onRecovery };
      globalThis.judge = await lunette.Judge.load("/files/tiny-judge.gguf", options);
    });
    const score = () =>
      page.evaluate(async (row) => {
        const { score, expected } = await judge.score(row, { critique: false });
        return { score, expected, backend: judge.info.backend, phase: globalThis.events.at(-1)?.phase };
      }, rows[0]);
    const calm = await score();
    assert.equal(calm.backend, "webgpu");
    const phases = [];
    for (let crash = 0; crash < 3; crash++) {
      await session.send("Browser.crashGpuProcess");
      const { score: got, expected, phase, backend } = await score();
      assert.equal(got, calm.score);
      assert.ok(Math.abs(expected - calm.expected) < (backend === "wasm" ? 1e-2 : 1e-6));
      phases.push(`${phase} on ${backend}`);
    }
    assert.equal(phases.at(0), "recovered on webgpu", phases.join());
    assert.equal(phases.at(-1), "fallback on wasm", phases.join());
    await page.evaluate(() => judge.dispose());
  });
});
