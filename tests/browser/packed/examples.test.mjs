// Every example app, with the package from its tarball: built, served by a plain static host, opened in a real browser.

import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { isolation } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { project, run } from "../tarball.mjs";
import { newPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { isGolden } from "./spider.mjs";

// name, folder that is served, and path: a build must work below any path.
const APPS = [
  ["script-tag", ".", "/"],
  ["vite", "dist", "/apps/vite/"],
  ["webpack", "dist", "/apps/webpack/"],
  ["esbuild", "dist", "/apps/esbuild/"],
  ["react", "dist", "/apps/react/"],
  ["next", "out", "/apps/next/"],
];

/** Opens the app at `url`, presses its button, and waits for the verdict. Returns the number of threads too. */
async function verdictOf(url) {
  const page = await newPage();
  await page.addInitScript(() => {
    // What the engine's worker says of the model that it has loaded.
    globalThis.Worker = class extends Worker {
      constructor(...given) {
        super(...given);
        this.addEventListener("message", ({ data }) => (globalThis.threads ??= data.value?.threads));
      }
    };
  });
  const said = [];
  page.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => said.push(`error: ${error.message}`));
  try {
    await page.goto(url);
    await page.getByRole("button", { name: "Judge" }).click({ timeout: 2 * 60_000 });
    const output = page.locator("output").filter({ hasText: /\S/ });
    await output.waitFor({ timeout: 4 * 60_000 });
    const text = await output.innerText();
    assert.match(text, /^\{/, text);
    assert.deepEqual(said, [], "nothing to warn of");
    return { verdict: JSON.parse(text), threads: await page.evaluate(() => globalThis.threads) };
  } finally {
    await page.close();
  }
}

// Two at a time, because bundlers and browsers use several cores.
describe("example apps", { concurrency: 2 }, () => {
  for (const [name, folder, base] of APPS) {
    test(name, minutes(10), async () => {
      const app = await project(name, name);
      const env = { BASE_PATH: base.slice(0, -1), NEXT_TELEMETRY_DISABLED: "1" };
      if (folder !== ".") await run("npm", ["run", "build"], app, env);
      for (const [headers, threads] of [
        [{}, 1],
        [isolation, Math.min(availableParallelism(), 16)],
      ]) {
        const host = await serve(join(app, folder), { base, headers });
        try {
          const found = await verdictOf(host.url);
          isGolden(found.verdict);
          assert.equal(found.threads, threads);
          const outside = host.requests.filter((path) => !path.startsWith(base));
          assert.deepEqual(outside, [], "everything is found below the app's own path");
        } finally {
          host.close();
        }
      }
    });
  }
});
