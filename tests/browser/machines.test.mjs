// Machines that are small, that sleep, that lose what they kept, whose clock jumps, or that write other digits.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as after } from "node:timers/promises";
import { arriving, context, fetchedOnce, file, isRight, load, models, unruly, variant, visit } from "./arriving.mjs";
import { tinyJudge } from "./gguf.mjs";
import { launchVisitor } from "./lib.mjs";
import { minutes } from "./session.mjs";
import { judge, load as loadDefault, part, visit as openPage } from "./visitor.mjs";

/** Stops the pages, their workers and the network, as a machine does that sleeps. Chromium's own word for a frozen page does nothing to one that
 * it thinks is seen, as all are without a screen. Returns what wakes them. */
async function asleep() {
  const devtools = await context.browser().newBrowserCDPSession();
  const { processInfo } = await devtools.send("SystemInfo.getProcessInfo");
  const sleepers = processInfo.filter(({ type }) => type !== "browser").map(({ id }) => id);
  for (const id of sleepers) process.kill(id, "SIGSTOP");
  return () => sleepers.forEach((id) => process.kill(id, "SIGCONT"));
}

/** What a browser does with a site that was not visited for long, on a full disk. */
async function evict(page) {
  const devtools = await page.context().newCDPSession(page);
  const { origin } = new URL(page.url());
  await devtools.send("Storage.clearDataForOrigin", { origin, storageTypes: "file_systems,indexeddb" });
}

describe("small machines", () => {
  arriving();

  test("a download goes on after a phone has slept", minutes(3), async (t) => {
    unruly.put("slept.gguf", file, { misbehave: (request) => (request === 0 ? { stall: 6_000_000 } : undefined) });
    const page = await visit("/hasty/");
    const loading = load(page, "/unruly/slept.gguf");
    const second = await visit();
    while (((await models(second))[0]?.bytes ?? 0) === 0) await after(50);
    const wake = await asleep();
    // Longer than a connection may be silent.
    await after(4000);
    wake();
    isRight(await loading);
    fetchedOnce("slept.gguf", t);
  });

  test("a verdict that a sleeping tab was at comes when it wakes, and is the same", minutes(3), async () => {
    unruly.put("judge.gguf", tinyJudge({ blocks: 2 }));
    const page = await visit();
    await page.evaluate(async () => {
      globalThis.judge = await lunette.Judge.load("/unruly/judge.gguf", { backend: "wasm" });
      globalThis.task = {
        input: "Why is the sky blue?",
        response: "It scatters blue light. ".repeat(20),
        rubric: { objective: "Is it right?", scale: { 1: "No.", 2: "Partly.", 3: "Yes." } },
      };
      globalThis.score = async () => {
        // When something of the verdict came.
        const times = (globalThis.times = []);
        const onToken = () => times.push(performance.now());
        const { score, distribution, critique } = await judge.score(globalThis.task, { maxTokens: 600, onToken });
        times.push(performance.now());
        return { score, distribution, critique };
      };
    });
    const awake = await page.evaluate(() => globalThis.score());
    await page.evaluate(() => void (globalThis.coming = globalThis.score()));
    while ((await page.evaluate(() => globalThis.times.length)) === 0) await after(5);
    const wake = await asleep();
    await after(3000);
    wake();
    assert.deepEqual(await page.evaluate(() => globalThis.coming), awake);
    const times = await page.evaluate(() => globalThis.times);
    const pauses = times.slice(1).map((time, i) => time - times[i]);
    assert.ok(
      Math.max(...pauses) > 2500,
      `it slept in the middle: at most ${Math.max(...pauses)} ms passed without a word`,
    );
  });

  test("a model that was evicted between two visits is fetched again", minutes(3), async () => {
    unruly.put("evicted.gguf", file);
    const page = await visit();
    isRight(await load(page, "/unruly/evicted.gguf"));
    await page.close();
    const next = await visit();
    await evict(next);
    assert.deepEqual(await models(next), []);
    isRight(await load(next, "/unruly/evicted.gguf"));
    assert.equal(unruly.requests("evicted.gguf").length, 2);
    assert.equal((await models(next))[0].complete, true);
  });

  test("a judge whose file is evicted under it judges on", minutes(3), async () => {
    unruly.put("judge.gguf", tinyJudge({ blocks: 2 }));
    const page = await visit();
    const score = () =>
      page.evaluate(async () => {
        globalThis.judge ??= await lunette.Judge.load("/unruly/judge.gguf", { backend: "wasm" });
        const rubric = { objective: "Is it right?", scale: { 1: "No.", 2: "Yes." } };
        return (await judge.score({ input: "Q", response: "A", rubric, critique: false })).distribution;
      });
    const before = await score();
    await evict(page);
    assert.deepEqual(await score(), before);
    // And what is kept of it can be fetched anew, in the same tab.
    await page.evaluate(async () => {
      await judge.dispose();
      globalThis.judge = undefined;
    });
    assert.deepEqual(await score(), before);
  });

  test("a clock that jumps by days changes nothing", minutes(3), async () => {
    const jumping = await variant("jumping", "dist/worker.js", (code) => {
      const jumps = "let jumps = 0; const now = Date.now; Date.now = () => now() + [9, -9, 400][jumps++ % 3] * 864e5;";
      return `${jumps}\n${code}`;
    });
    unruly.put("clock.gguf", file, { misbehave: (request) => (request === 0 ? { cut: 5_000_000 } : undefined) });
    const page = await visit(jumping);
    isRight(await load(page, "/unruly/clock.gguf"));
    assert.equal((await models(page))[0].complete, true);
    unruly.put("clock.gguf", file, { misbehave: () => ({ status: 503 }) });
    isRight(await load(await visit(jumping), "/unruly/clock.gguf"));
    assert.equal(unruly.requests("clock.gguf").length, 2, "the second visit read what was kept");
  });

  test("a machine of 2 GB is offered what it holds", minutes(3), async () => {
    await context.addInitScript(() => {
      Object.defineProperty(Navigator.prototype, "deviceMemory", { get: () => 2 });
      Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => 2 });
    });
    const { page, troubles } = await openPage({ context });
    await page.getByText("more models of the catalogue").click();
    const group = (name) => page.locator("h3", { hasText: name }).locator("+ div article h3").allInnerTexts();
    const [held, larger] = [await group("This machine should hold"), await group("Larger than this machine")];
    assert.ok(held.includes("Qwen2.5 0.5B Instruct"), held.join());
    assert.ok(larger.includes("Prometheus 2 7B"), larger.join());
    await part(page, "advice").getByText("The memory is 2 GB or more.").waitFor();
    await part(page, "card-qwen2.5-coder-1.5b").getByText("Probably too large for this machine").waitFor();
    assert.equal(await part(page, "card-smollm2-135m").getByTestId("tight").count(), 0);
    assert.deepEqual(troubles, []);
  });

  test("a browser with other digits shows the same page", minutes(5), async () => {
    const elsewhere = await launchVisitor({ locale: "ar-EG", timezoneId: "Africa/Cairo" });
    try {
      const { page, troubles } = await openPage({ context: elsewhere });
      assert.equal(
        await page.evaluate(() => new Intl.NumberFormat().format(12)),
        "١٢",
        "the browser is as it should be",
      );
      await loadDefault(page);
      await judge(page);
      const text = await page.locator("body").innerText();
      assert.doesNotMatch(text, /[٠-٩]/u);
      assert.match(await part(page, "spent").innerText(), /\d/);
      assert.deepEqual(troubles, []);
    } finally {
      await elsewhere.close();
    }
  });
});
