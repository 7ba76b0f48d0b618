// The wasm backend in Debian's Firefox, driven by WebDriver BiDi, which needs no separate driver.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { isolation, model } from "../lib.mjs";
import { minutes, once } from "../session.mjs";
import { project, temporary } from "../tarball.mjs";
import { serve } from "./serve.mjs";
import { isGolden, task } from "./spider.mjs";

const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

// Where glibc's AVX copies leave the upper halves of vector registers in use, some processors (seen: a virtual Xeon of 2023)
// take 70 ns for each change between SSE and AVX instructions, which Firefox's compiler mixes: a hundred times slower.
const env = { ...process.env, GLIBC_TUNABLES: "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX" };

const firefox = once(() =>
  puppeteer.launch({
    browser: "firefox",
    executablePath,
    headless: true,
    userDataDir: temporary("firefox-profile"),
    env,
  }),
);

/** Opens the example below `headers`, and fails where the page does. */
async function open(headers) {
  const host = await serve(await project("in-firefox", "script-tag"), { headers });
  const page = await (await firefox()).newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(host.url);
  return { page, faults, host };
}

test("Firefox reaches the verdict too", minutes(5), async (t) => {
  t.diagnostic(await (await firefox()).version());
  const { page, faults, host } = await open();
  await page.locator("button").click();
  await page.waitForFunction(() => document.querySelector("output").textContent !== "", { timeout: 4 * 60_000 });
  const text = await page.$eval("output", (output) => output.textContent);
  assert.match(text, /^\{/, text);
  isGolden(JSON.parse(text));
  assert.deepEqual(faults, []);
  host.close();
});

test("Firefox computes on several threads", minutes(5), async () => {
  const { page, faults, host } = await open(isolation);
  const [verdict, threads] = await page.evaluate(
    async (file, task) => {
      const { Judge } = await import("lunette");
      const judge = await Judge.load(`models/${file}`, { backend: "wasm", threads: 3, cache: false });
      const verdict = await judge.score(task, { critique: false });
      judge.dispose();
      return [verdict, judge.info.threads];
    },
    basename(model),
    task,
  );
  assert.equal(threads, 3);
  isGolden(verdict);
  assert.deepEqual(faults, []);
  host.close();
});
