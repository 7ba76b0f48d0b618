// Downloads in a real browser, from a server with injected faults: each case ends with the right model or the right error, and no
// byte is downloaded twice without need.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, test } from "node:test";
import {
  BLOCKS,
  CHUNK,
  arriving,
  fetchedOnce,
  file,
  flipped,
  hash,
  isRefused,
  isRight,
  load,
  models,
  notes,
  sha256,
  unruly,
  visit,
} from "./arriving.mjs";
import { gguf, tinyMetadata, tinyTensors, u32 } from "./gguf.mjs";
import { minutes, server } from "./session.mjs";
import { random } from "./unruly-server.mjs";

/** Another version of the file, of the same size. */
const other = flipped(file, 5_000_003);

describe("models that arrive", () => {
  arriving();

  test("a model is fetched once, and then it is there, also offline", minutes(3), async () => {
    unruly.put("once.gguf", file);
    const page = await visit();
    isRight(await load(page, "/unruly/once.gguf"));
    const [model] = await models(page);
    assert.deepEqual(
      [model.name, model.bytes, model.complete, model.sha256, model.verified],
      ["once.gguf", file.length, true, sha256, "recorded"],
    );
    unruly.put("once.gguf", file, { misbehave: () => ({ status: 503 }) });
    const again = await load(await visit(), "/unruly/once.gguf");
    isRight(again);
    assert.equal(unruly.requests("once.gguf").length, 1);
    assert.ok(again.progress.every(({ phase }) => phase !== "download"));
  });

  test("a connection that is cut 20 times at random bytes", minutes(4), async (t) => {
    const next = random(20);
    unruly.put("cut.gguf", file, {
      misbehave: (request) => (request < 20 ? { cut: Math.floor(next() * 900_000) } : undefined),
    });
    const result = await load(await visit("/hasty/"), "/unruly/cut.gguf");
    isRight(result);
    fetchedOnce("cut.gguf", t);
    assert.equal(unruly.requests("cut.gguf").length, 21);
    const resumed = unruly.requests("cut.gguf").filter(({ from }) => from > 0);
    assert.ok(
      resumed.every(({ ifRange }) => ifRange === '"cut.gguf-1"'),
      "If-Range names the version",
    );
    assert.match(notes(result), /Trying again/);
  });

  test("a server that ignores Range", minutes(3), async () => {
    unruly.put("range.gguf", file, {
      misbehave: (request) => ({ ignoreRange: true, cut: request < 3 ? 3_000_000 * (request + 1) : undefined }),
    });
    isRight(await load(await visit("/hasty/"), "/unruly/range.gguf"));
  });

  test("a server that announces more than it has", minutes(3), async () => {
    unruly.put("long.gguf", file, { misbehave: () => ({ claim: 1000 }) });
    isRefused(await load(await visit("/hasty/"), "/unruly/long.gguf"), "source", /given up/);
    assert.deepEqual(await models(await visit()), []);
  });

  test("a server that announces less than it has", minutes(3), async () => {
    unruly.put("short.gguf", file, { misbehave: () => ({ claim: -100_000 }) });
    const page = await visit("/hasty/");
    isRefused(await load(page, "/unruly/short.gguf"), "truncated");
    isRefused(await load(page, { url: "/unruly/short.gguf", sha256, bytes: file.length }), "integrity", /bytes long/);
    isRefused(await load(page, { url: "/unruly/short.gguf", sha256 }), "truncated");
    assert.deepEqual(await models(page), []);
  });

  test("a server that announces nothing", minutes(3), async () => {
    unruly.put("chunked.gguf", file, { misbehave: () => ({ chunked: true }) });
    isRight(await load(await visit(), { url: "/unruly/chunked.gguf", sha256 }));
  });

  test("a file that changes while it is read", minutes(3), async () => {
    unruly.put("changing.gguf", file, {
      misbehave: (request) => (request === 0 ? { cut: 9_000_000, etag: '"old"', bytes: other } : undefined),
    });
    const result = await load(await visit("/hasty/"), "/unruly/changing.gguf");
    isRight(result);
    assert.match(notes(result), /was changed/);
    unruly.put("restless.gguf", file, { misbehave: (request) => ({ cut: 9_000_000, etag: `"${request}"` }) });
    isRefused(await load(await visit("/hasty/"), "/unruly/restless.gguf"), "source", /was changed.*given up/);
  });

  for (const cache of [true, false]) {
    test(`a flipped bit, wherever it is (cache: ${cache})`, minutes(4), async () => {
      const page = await visit();
      const next = random(7);
      for (const [i, at] of [next(), next(), 1 - 1e-9].map((at) => Math.floor(at * file.length)).entries()) {
        const name = `flipped-${cache}-${i}.gguf`;
        const headers = i === 1 ? { "x-linked-etag": `"${sha256}"` } : {};
        unruly.put(name, file, { headers, misbehave: () => ({ flip: at }) });
        const source = i === 1 ? `/unruly/${name}` : { url: `/unruly/${name}`, sha256 };
        const result = await load(page, source, { cache });
        // The engine refuses an unreadable file before its end.
        if (!["invalid-file", "invalid-model"].includes(result.code)) {
          isRefused(result, "integrity", new RegExp(`${hash(flipped(file, at))}.*${sha256}`));
        }
        unruly.put(name, file, { headers });
        isRight(await load(page, source, { cache }));
        // Otherwise the next case would find the right file by its hash.
        await page.evaluate((name) => lunette.Models.delete(name), `/unruly/${name}`);
      }
    });
  }

  test("answers of 429 and 503, with and without a time to come back", minutes(3), async () => {
    const answers = [{ status: 429, headers: { "retry-after": "1" } }, { status: 503 }, { status: 503 }];
    unruly.put("busy.gguf", file, { misbehave: (request) => answers[request] });
    const started = Date.now();
    const result = await load(await visit("/hasty/"), "/unruly/busy.gguf");
    isRight(result);
    assert.ok(Date.now() - started >= 1000, "it waited as long as it was told to");
    assert.match(notes(result), /429/);
    unruly.put("down.gguf", file, { misbehave: () => ({ status: 503 }) });
    isRefused(await load(await visit("/hasty/"), "/unruly/down.gguf"), "network", /503/);
  });

  test("an answer of 403, and of 404", minutes(2), async () => {
    unruly.put("closed.gguf", file, { misbehave: () => ({ status: 403 }) });
    const page = await visit();
    isRefused(await load(page, "/unruly/closed.gguf"), "source", /403.*denied/);
    isRefused(await load(page, "/unruly/nobody.gguf"), "source", /404/);
    assert.equal(unruly.requests("closed.gguf").length, 1);
  });

  test("a connection that falls silent", minutes(3), async (t) => {
    unruly.put("silent.gguf", file, { misbehave: (request) => (request < 2 ? { stall: 2_000_000 } : undefined) });
    const result = await load(await visit("/hasty/"), "/unruly/silent.gguf");
    isRight(result);
    fetchedOnce("silent.gguf", t);
    assert.match(notes(result), /Nothing came/);
  });

  test("a server that this page may not read from", minutes(2), async () => {
    const elsewhere = createServer(unruly.handle);
    await new Promise((listening) => elsewhere.listen(0, "127.0.0.1", listening));
    try {
      const url = `http://127.0.0.1:${elsewhere.address().port}/whole.gguf`;
      const page = await visit();
      isRefused(await load(page, url), "source", /Access-Control-Allow-Origin/);
      const headers = { "access-control-allow-origin": "*" };
      unruly.put("open.gguf", file, { headers, misbehave: (n) => (n === 0 ? { cut: 9_000_000 } : undefined) });
      isRight(await load(page, url.replace("whole", "open")));
      assert.equal(unruly.requests("open.gguf")[1].from > 0, true, "it resumed across origins");
    } finally {
      elsewhere.closeAllConnections();
      elsewhere.close();
    }
  });

  test("a tab that is closed in the middle", minutes(3), async (t) => {
    unruly.put("closed-tab.gguf", file, {
      misbehave: (request) => (request === 0 ? { stall: 10_000_000 } : undefined),
    });
    const first = await visit();
    const loading = load(first, "/unruly/closed-tab.gguf").catch(() => "gone");
    const second = await visit();
    // Wait until the second chunk is on the disk.
    while (((await models(second))[0]?.bytes ?? 0) < 2 * CHUNK) await new Promise((wait) => setTimeout(wait, 50));
    await first.close();
    assert.equal(await loading, "gone");
    isRight(await load(second, "/unruly/closed-tab.gguf"));
    assert.equal(unruly.requests("closed-tab.gguf")[1].from, 2 * CHUNK);
    fetchedOnce("closed-tab.gguf", t, CHUNK);
  });

  test("a load that is aborted goes on where it stood", minutes(3), async (t) => {
    unruly.put("aborted.gguf", file, { misbehave: (request) => (request === 0 ? { stall: 10_000_000 } : undefined) });
    const page = await visit();
    const code = await page.evaluate(async () => {
      const aborting = new AbortController();
      const onProgress = ({ loaded }) => loaded > 9_000_000 && aborting.abort();
      const options = { backend: "wasm", onProgress, signal: aborting.signal };
      return lunette.Engine.load("/unruly/aborted.gguf", options).catch(({ code }) => code);
    });
    assert.equal(code, "aborted");
    isRight(await load(page, "/unruly/aborted.gguf"));
    const { from } = unruly.requests("aborted.gguf")[1];
    t.diagnostic(`it went on at byte ${from}`);
    assert.ok(from >= 2 * CHUNK && from <= 10_000_000);
    fetchedOnce("aborted.gguf", t, CHUNK);
  });

  test("two tabs that want the same model", minutes(3), async () => {
    let go;
    const gate = new Promise((resolve) => (go = resolve));
    unruly.put("shared.gguf", file);
    const plain = unruly.handle;
    const { routes } = await server();
    routes.set("/unruly/", (request, response) => void gate.then(() => plain(request, response)));
    try {
      const pages = [await visit(), await visit()];
      const loads = pages.map((page) => load(page, "/unruly/shared.gguf"));
      const third = await visit();
      const remove = () => third.evaluate(() => lunette.Models.delete("/unruly/shared.gguf").catch(({ code }) => code));
      while ((await remove()) !== "in-use") await new Promise((wait) => setTimeout(wait, 50));
      setTimeout(go, 500);
      const results = await Promise.all(loads);
      results.forEach(isRight);
      assert.equal(unruly.requests("shared.gguf").length, 1);
      const waited = results.filter(({ progress }) => progress.some(({ phase }) => phase === "wait"));
      assert.equal(waited.length, 1);
      assert.match(notes(waited[0]), /Another tab/);
      await remove();
      assert.deepEqual(await models(third), []);
    } finally {
      go();
      routes.set("/unruly/", plain);
    }
  });

  test("a model that is split into parts", minutes(4), async () => {
    const tensors = tinyTensors(BLOCKS);
    const count = 6;
    const size = Math.ceil(tensors.length / count);
    const names = Array.from({ length: count }, (_, i) => `split-0000${i + 1}-of-0000${count}.gguf`);
    const parts = names.map((_, i) => {
      const place = { "split.no": u32(i), "split.count": u32(count), "split.tensors.count": u32(tensors.length) };
      const metadata = i === 0 ? { ...tinyMetadata(BLOCKS), ...place } : place;
      return gguf(metadata, tensors.slice(i * size, (i + 1) * size)).file;
    });
    names.forEach((name, i) =>
      unruly.put(name, parts[i], { misbehave: (n) => (n === 0 && i === 2 ? { cut: 1000 } : undefined) }),
    );
    const page = await visit();
    const streamed = await load(page, `/unruly/${names[0]}`, { cache: false });
    assert.equal(streamed.code, undefined, streamed.message);
    const cached = await load(page, { url: `/unruly/${names[0]}`, sha256: parts.map(hash) });
    assert.deepEqual(cached.logits, streamed.logits);
    const [model] = await models(page);
    assert.deepEqual([model.complete, model.bytes], [true, parts.reduce((sum, { length }) => sum + length, 0)]);
    const before = unruly.log.length;
    const warm = await load(page, `/unruly/${names[0]}`);
    assert.deepEqual(warm.logits, streamed.logits);
    assert.equal(unruly.log.length, before);
    // In any order, like files that people pick.
    await page.evaluate(async (names) => {
      for (const name of names) globalThis[name] = new File([await (await fetch(`/unruly/${name}`)).blob()], name);
    }, names);
    assert.deepEqual((await load(page, { files: [...names].reverse() })).logits, streamed.logits);
  });

  test("an entry of the origin's own file system is read where it lies", minutes(3), async () => {
    unruly.put("entry.gguf", file);
    const page = await visit();
    const entry = (use) =>
      page.evaluate(async (use) => {
        const folder = await navigator.storage.getDirectory();
        globalThis.entry ??= await folder.getFileHandle("entry.gguf", { create: true });
        if (use === "write") {
          const writable = await entry.createWritable();
          await (await fetch("/unruly/entry.gguf")).body.pipeTo(writable);
        }
        if (use === "remove") await folder.removeEntry("entry.gguf");
      }, use);
    await entry("write");
    assert.equal(await page.evaluate(async () => (await lunette.planLoad(entry, { backend: "wasm" })).verdict), "fits");
    isRight(await load(page, { global: "entry" }));
    assert.deepEqual(await models(page), []);
    await entry("remove");
    isRefused(await load(page, { global: "entry" }), "source", /"entry\.gguf" cannot be opened/);
  });

  test("a plan fetches the header, which is not fetched again", minutes(3), async (t) => {
    // The server sends only this much, so the plan must not need more.
    const sent = 1_000_000;
    unruly.put("planned.gguf", file, { misbehave: (request) => (request === 0 ? { stall: sent } : undefined) });
    const page = await visit();
    const plan = await page.evaluate(() =>
      lunette.planLoad({ url: "/unruly/planned.gguf", license: "MIT" }, { backend: "wasm" }),
    );
    t.diagnostic(JSON.stringify(plan));
    assert.equal(plan.verdict, "fits");
    assert.deepEqual([plan.model.license, plan.model.bytes, plan.model.parts], ["MIT", file.length, 1]);
    assert.equal(plan.download.bytes + plan.download.cached, file.length);
    assert.ok(plan.download.cached > 0 && plan.download.cached <= sent, `${plan.download.cached} bytes were fetched`);
    assert.equal(plan.storage.available, true);
    assert.ok(plan.storage.free > 0);
    isRight(await load(page, "/unruly/planned.gguf"));
    const [first, second] = unruly.requests("planned.gguf");
    // A last piece may come after the plan. Cached bytes are not downloaded again.
    assert.ok(second.from >= plan.download.cached && second.from <= first.sent, `it went on at byte ${second.from}`);
    const again = await page.evaluate(() => lunette.planLoad("/unruly/planned.gguf", { backend: "wasm" }));
    assert.deepEqual(again.download, { bytes: 0, cached: file.length });
  });
});
