// Threads of the wasm backend: on a page with cross-origin isolation, and without.

import assert from "node:assert/strict";
import { test } from "node:test";
import { example, modelUrl, openPackage, startServer } from "./lib.mjs";
import { divergence } from "./numbers.mjs";
import { reference } from "./reference.mjs";
import { browser, minutes, once, server } from "./session.mjs";

const isolated = once(() => startServer({ isolated: true }));

/** Loads, reads, judges, and disposes. `text`: what is read. */
const verdict = async ([url, threads, tokens, example]) => {
  const before = performance.now();
  const judge = await lunette.Judge.load(url, { backend: "wasm", threads, cache: false });
  try {
    const logits = await judge.engine.logits(new Uint32Array(tokens));
    const { distribution, critique } = await judge.score(example, { maxTokens: 12 });
    const hash = await globalThis.crypto.subtle.digest("SHA-256", logits);
    return {
      threads: judge.info.threads,
      logits: Array.from(new Uint8Array(hash)).join(),
      verdict: { distribution, critique },
      seconds: (performance.now() - before) / 1000,
    };
  } finally {
    judge.dispose();
  }
};

const on = (page, threads) => page.evaluate(verdict, [modelUrl, threads, reference.tokens("short"), example]);

test("no number of threads changes a bit", minutes(10), async (t) => {
  const page = await openPackage(await browser(), (await isolated()).origin);
  assert.ok(await page.evaluate(() => globalThis.crossOriginIsolated));
  const one = await on(page, 1);
  assert.equal(one.threads, 1);
  for (const threads of [2, 5]) {
    const several = await on(page, threads);
    t.diagnostic(`${threads} threads: ${several.seconds.toFixed(1)} s, one: ${one.seconds.toFixed(1)} s`);
    assert.equal(several.threads, threads);
    assert.deepEqual([several.logits, several.verdict], [one.logits, one.verdict]);
  }
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  assert.equal((await on(page)).threads, Math.min(cores, 16));
});

test("a GPU is fed from shared memory too", minutes(5), async () => {
  const page = await openPackage(await browser(), (await isolated()).origin);
  const { backend, threads, logits } = await page.evaluate(
    async ([url, tokens]) => {
      const judge = await lunette.Judge.load(url, { backend: "webgpu", cache: false });
      const logits = await judge.engine.logits(new Uint32Array(tokens));
      judge.dispose();
      return { ...judge.info, logits: Array.from(logits) };
    },
    [modelUrl, reference.tokens("short2")],
  );
  assert.deepEqual([backend, threads], ["webgpu", undefined]);
  const kl = divergence(reference.logits("short2"), logits);
  assert.ok(kl <= 1e-4, `KL ${kl}`);
});

test("threads end with their engine", minutes(5), async () => {
  const page = await openPackage(await browser(), (await isolated()).origin);
  const session = await page.context().newCDPSession(page);
  // Of all pages of the browser: those of a page's workers are not among its own.
  const workers = async () => {
    const { targetInfos } = await session.send("Target.getTargets");
    return targetInfos.filter(({ type }) => type === "worker").length;
  };
  const before = await workers();
  await page.evaluate(async (url) => {
    globalThis.judge = await lunette.Judge.load(url, { backend: "wasm", threads: 3, cache: false });
  }, modelUrl);
  assert.equal((await workers()) - before, 3);
  await page.evaluate(() => judge.dispose());
  const deadline = Date.now() + 10_000;
  while ((await workers()) > before && Date.now() < deadline) {
    await new Promise((later) => setTimeout(later, 50));
  }
  assert.equal(await workers(), before);
});

test("without isolation, and on the page's own thread, there is one", minutes(5), async () => {
  const plain = await openPackage(await browser(), (await server()).origin);
  assert.equal(await plain.evaluate(() => globalThis.crossOriginIsolated), false);
  const one = await on(plain, 4);
  assert.equal(one.threads, 1);

  const page = await openPackage(await browser(), (await isolated()).origin);
  const here = await page.evaluate(async (url) => {
    const judge = await lunette.Judge.load(url, { backend: "wasm", worker: false, threads: 4, cache: false });
    const { threads } = judge.info;
    judge.dispose();
    return threads;
  }, modelUrl);
  assert.equal(here, 1);
});

test("more threads than there may be are refused", minutes(5), async () => {
  const page = await openPackage(await browser(), (await isolated()).origin);
  const error = await page.evaluate(
    (url) => lunette.Judge.load(url, { backend: "wasm", threads: 1000 }).catch((error) => [error.code, error.message]),
    modelUrl,
  );
  assert.equal(error[0], "invalid-argument");
  assert.match(error[1], /`threads` is 1000; it can be 1 to 256/);
});
