// Files of two versions side by side, as caches bring them about: the engine refuses a module that is not its own.

import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { isolation, model } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { project, run } from "../tarball.mjs";
import { newPage } from "./chromium.mjs";
import { serve } from "./serve.mjs";

/** An empty section without a meaning: the module does what it did. */
const SECTION = Buffer.from([0, 2, 1, 0x78]);

/** An app with a module that has a section more. */
async function mixed(name, example) {
  const folder = await project(name, example);
  appendFileSync(join(folder, "node_modules/lunette/wasm/lunette_bg.wasm"), SECTION);
  return folder;
}

const REFUSED = /belongs to another version of the package: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/;

test("a page refuses the module of another version", minutes(3), async () => {
  const folder = await mixed("mixed", "script-tag");
  for (const headers of [{}, isolation]) {
    const host = await serve(folder, { headers });
    const page = await newPage();
    await page.goto(host.url);
    const error = await page.evaluate(async () => {
      const { Judge } = await import("lunette");
      const load = Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", { backend: "wasm", cache: false });
      return load.catch(({ code, message }) => ({ code, message }));
    });
    assert.equal(error.code, "engine-unavailable");
    assert.match(error.message, REFUSED);
    await page.close();
    host.close();
  }
});

test("a build that rewrites the module can say so", minutes(3), async () => {
  const folder = await mixed("rewritten", "script-tag");
  writeFileSync(join(folder, "node_modules/lunette/wasm/hash.js"), 'export const SHA256 = "";\n');
  const host = await serve(folder);
  const page = await newPage();
  await page.goto(host.url);
  const backend = await page.evaluate(async () => {
    const { Judge } = await import("lunette");
    const judge = await Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", { backend: "wasm", cache: false });
    return judge.info.backend;
  });
  assert.equal(backend, "wasm");
  await page.close();
  host.close();
});

test("Node refuses it too", minutes(3), async () => {
  const folder = await mixed("mixed-in-node", "node");
  const code = `
    import { Judge } from "lunette";
    await Judge.load(${JSON.stringify(model)}, { backend: "wasm" }).catch(({ code, message }) => console.log(code, message));`;
  const printed = await run("node", ["--input-type=module", "-e", code], folder);
  assert.match(printed, /^engine-unavailable /);
  assert.match(printed, REFUSED);
  assert.ok(printed.includes(pathToFileURL(join(folder, "node_modules")).href), printed);
});
