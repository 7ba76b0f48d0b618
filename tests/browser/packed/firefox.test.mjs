// The wasm backend in Debian's Firefox, driven by WebDriver BiDi, which needs no separate driver.

import assert from "node:assert/strict";
import { test } from "node:test";
import puppeteer from "puppeteer-core";
import { minutes } from "../session.mjs";
import { project, temporary } from "../tarball.mjs";
import { serve } from "./serve.mjs";
import { isGolden } from "./spider.mjs";

const executablePath = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

// Where glibc's AVX copies leave the upper halves of vector registers in use, some processors (seen: a virtual Xeon of 2023)
// take 70 ns for each change between SSE and AVX instructions, which Firefox's compiler mixes: a hundred times slower.
const env = { ...process.env, GLIBC_TUNABLES: "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX2,-AVX" };

test("Firefox reaches the verdict too", minutes(5), async (t) => {
  const app = await project("in-firefox", "script-tag");
  const host = await serve(app);
  const userDataDir = temporary("firefox-profile");
  const firefox = await puppeteer.launch({ browser: "firefox", executablePath, headless: true, userDataDir, env });
  try {
    t.diagnostic(await firefox.version());
    const page = await firefox.newPage();
    const faults = [];
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(host.url);
    await page.locator("button").click();
    await page.waitForFunction(() => document.querySelector("output").textContent !== "", { timeout: 4 * 60_000 });
    const text = await page.$eval("output", (output) => output.textContent);
    assert.match(text, /^\{/, text);
    isGolden(JSON.parse(text));
    assert.deepEqual(faults, []);
  } finally {
    await firefox.close();
    host.close();
  }
});
