// Cached models: faults of the browser's storage, and the operations on the cache.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  arriving,
  context,
  file,
  isRefused,
  isRight,
  load,
  models,
  notes,
  origin,
  sha256,
  unruly,
  variant,
  visit,
} from "./arriving.mjs";
import { modelUrl } from "./lib.mjs";
import { minutes } from "./session.mjs";

describe("models that stay", () => {
  arriving();

  test("a bit that flips in the cache", minutes(3), async () => {
    unruly.put("rotten.gguf", file);
    const page = await visit();
    isRight(await load(page, "/unruly/rotten.gguf"));
    const [{ id }] = await models(page);
    await page.evaluate(
      async ([name, at]) => {
        let folder = await navigator.storage.getDirectory();
        for (const step of ["lunette", "models"]) folder = await folder.getDirectoryHandle(step);
        const handle = await folder.getFileHandle(name);
        const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
        const stream = await handle.createWritable({ keepExistingData: true });
        await stream.write({ type: "write", position: at, data: Uint8Array.of(bytes[at] ^ 16) });
        await stream.close();
      },
      [`${id}-0.gguf`, 11_111_111],
    );
    const result = await load(page, "/unruly/rotten.gguf");
    isRight(result);
    assert.match(notes(result), /damaged/);
    assert.equal(unruly.requests("rotten.gguf").length, 2);
  });

  test("storage that is too small", minutes(3), async () => {
    // Chromium reports the same quota to every site, so its estimate is replaced.
    const small = "StorageManager.prototype.estimate = async () => ({ quota: 8e6, usage: 0 });\n";
    const at = await variant("small", "dist/worker.js", (code) => small + code);
    unruly.put("large.gguf", file);
    const page = await visit(at);
    isRefused(await load(page, "/unruly/large.gguf"), "quota", /18\.6 MB.*left.*missing.*Models\.delete.*cache: false/);
    const plan = await page.evaluate(() => lunette.planLoad("/unruly/large.gguf", { backend: "wasm" }));
    assert.ok(plan.reasons.some((reason) => reason.includes("missing")));
    isRight(await load(page, "/unruly/large.gguf", { cache: false }));
    isRight(await load(await visit(), "/unruly/large.gguf"));
  });

  test("storage that fills up while the model comes", minutes(3), async () => {
    unruly.put("filling.gguf", file);
    const page = await visit();
    const devtools = await context.newCDPSession(page);
    await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize: 8e6 });
    const result = await load(page, "/unruly/filling.gguf");
    await devtools.send("Storage.overrideQuotaForOrigin", { origin });
    isRight(result);
    assert.match(notes(result), /not kept: the storage is full/);
  });

  test("storage that is not there", minutes(3), async () => {
    const refuse =
      'StorageManager.prototype.getDirectory = async () => { throw new DOMException("no", "SecurityError") };\n';
    const at = await variant("private", "dist/worker.js", (code) => refuse + code);
    unruly.put("private.gguf", file);
    const page = await visit(at);
    const warnings = [];
    page.on("console", (message) => warnings.push(message.text()));
    const result = await load(page, "/unruly/private.gguf");
    isRight(result);
    assert.match(result.progress.at(-1).note, /not kept/);
    assert.equal(warnings.filter((text) => text.includes("not kept")).length, 1);
    const code = await page.evaluate(() => lunette.Models.list().catch(({ code }) => code));
    assert.equal(code, "source");
  });

  test("models move in and out of the cache as files", minutes(3), async () => {
    unruly.put("moving.gguf", file);
    const page = await visit();
    const found = await page.evaluate(async () => {
      const { Models, Engine } = lunette;
      const bytes = await (await fetch("/unruly/moving.gguf")).blob();
      const imported = await Models.import(new File([bytes], "mine.gguf"), { url: "/unruly/moved.gguf", name: "Mine" });
      const usage = await Models.usage();
      const engine = await Engine.load("/unruly/moved.gguf", { backend: "wasm" });
      await engine.dispose();
      const exported = await Models.export("Mine");
      const same = new Uint8Array(await exported.arrayBuffer());
      const original = new Uint8Array(await bytes.arrayBuffer());
      await Models.delete(imported.id);
      const persisted = await Models.persist();
      return {
        imported,
        usage,
        persisted,
        same: same.length === original.length && same.every((byte, i) => byte === original[i]),
        left: await Models.list(),
      };
    });
    assert.deepEqual(
      [found.imported.sha256, found.imported.complete, found.same, found.left],
      [sha256, true, true, []],
    );
    assert.equal(found.usage.models, file.length);
    assert.equal(typeof found.persisted, "boolean");
    assert.equal(unruly.requests("moved.gguf").length, 0);
  });

  test("the default model is ready from the cache", minutes(4), async (t) => {
    const cold = await load(await visit(), modelUrl);
    assert.equal(cold.code, undefined, cold.message);
    const warm = [];
    for (let i = 0; i < 3; i++) {
      const page = await visit();
      const result = await load(page, modelUrl);
      assert.deepEqual(result.logits, cold.logits);
      assert.ok(result.progress.every(({ phase }) => phase !== "download"));
      warm.push(Math.round(result.took));
      await page.close();
    }
    t.diagnostic(`first load ${Math.round(cold.took)} ms, then ${warm.join(", ")} ms, each checked chunk by chunk`);
  });
});
