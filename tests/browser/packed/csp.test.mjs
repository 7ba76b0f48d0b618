// The package under the strictest policies of a page and its worker.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { minutes } from "../session.mjs";
import { project } from "../tarball.mjs";
import { newPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";
import { isGolden, task } from "./spider.mjs";

// The policy in docs/guides/bundlers.md and in the package's README.
const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
const TRUSTED = `${STRICT}; require-trusted-types-for 'script'; trusted-types lunette`;

// The page's only script is a file: the policy forbids inline scripts and import maps.
const HTML =
  '<!doctype html><meta charset="utf-8"><title>Strict</title><script type="module" src="strict.js"></script>';
const SCRIPT = `
  import { Judge } from "./node_modules/lunette/dist/index.js";
  globalThis.policy = globalThis.trustedTypes?.createPolicy("lunette", { createScriptURL: (url) => url });
  globalThis.verdict = async (task, options) => {
    const judge = await Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", options);
    const verdict = await judge.score(task, { critique: false });
    await judge.dispose();
    return verdict;
  };`;

let folder;
before(async () => {
  folder = await project("strict");
  writeFileSync(join(folder, "index.html"), HTML);
  writeFileSync(join(folder, "strict.js"), SCRIPT);
});

/** Runs `work` on a page under `policy`. Returns its result, and the violations that the browser reported. */
async function under(policy, work) {
  const host = await serve(folder, { headers: { "content-security-policy": policy } });
  const page = await newPage();
  const refused = [];
  page.on("console", (message) => refused.push(message.text()));
  page.on("pageerror", (error) => refused.push(error.message));
  try {
    await page.goto(host.url);
    await page.waitForFunction("globalThis.verdict");
    return { result: await page.evaluate(...work), refused };
  } finally {
    await page.close();
    host.close();
  }
}

describe("under a Content-Security-Policy", () => {
  test("'self' and 'wasm-unsafe-eval' are enough", minutes(5), async () => {
    const { result, refused } = await under(STRICT, [(task) => globalThis.verdict(task, { backend: "wasm" }), task]);
    isGolden(result);
    assert.deepEqual(
      refused.filter((text) => !text.includes("favicon")),
      [],
    );
  });

  test("without 'wasm-unsafe-eval' the error says what is missing", minutes(2), async () => {
    const policy = STRICT.replace(" 'wasm-unsafe-eval'", "");
    const fail = (task) => globalThis.verdict(task, { backend: "wasm" }).catch(({ code, message }) => [code, message]);
    const { result } = await under(policy, [fail, task]);
    assert.equal(result[0], "engine-unavailable");
    assert.match(result[1], /wasm-unsafe-eval/);
  });

  test("without worker-src the error says what to check", minutes(2), async () => {
    const policy = STRICT.replace("worker-src 'self'", "worker-src 'none'");
    const fail = (task) => globalThis.verdict(task, { backend: "wasm" }).catch(({ code, message }) => [code, message]);
    const { result } = await under(policy, [fail, task]);
    assert.equal(result[0], "engine-unavailable");
    assert.match(result[1], /worker-src/);
  });

  test("under Trusted Types the app starts the worker by a policy of its own", minutes(5), async () => {
    const work = (task) => {
      const url = new URL("node_modules/lunette/dist/worker.js", document.baseURI).href;
      const worker = () => new Worker(globalThis.policy.createScriptURL(url), { type: "module" });
      return globalThis.verdict(task, { backend: "wasm", worker });
    };
    const { result, refused } = await under(TRUSTED, [work, task]);
    isGolden(result);
    assert.deepEqual(
      refused.filter((text) => !text.includes("favicon")),
      [],
    );
  });

  test("under Trusted Types without one the error says so", minutes(2), async () => {
    const fail = (task) => globalThis.verdict(task, { backend: "wasm" }).catch(({ code, message }) => [code, message]);
    const { result } = await under(TRUSTED, [fail, task]);
    assert.equal(result[0], "engine-unavailable");
    assert.match(result[1], /Trusted Types/);
  });
});
