// What tests of models on their way share: a file, a server that misbehaves, and a visitor with storage of their own.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, afterEach, before, beforeEach } from "node:test";
import { gguf, tinyMetadata, tinyTensors } from "./gguf.mjs";
import { launchVisitor, openPackage } from "./lib.mjs";
import { server } from "./session.mjs";
import { UnrulyServer } from "./unruly-server.mjs";

export const BLOCKS = 10;
export const CHUNK = 4 << 20;
export const { file } = gguf(tinyMetadata(BLOCKS), tinyTensors(BLOCKS));
export const sha256 = hash(file);

export const unruly = new UnrulyServer();
export let origin;
let reference;
export let context;

export function hash(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

export function flipped(bytes, at) {
  const copy = Buffer.from(bytes);
  copy[at] ^= 1;
  return copy;
}

/** A page in this test's own storage. */
export const visit = (at) => openPackage(context, origin, at);

/** Loads a model in a page, as an app does; says what came of it. */
export function load(page, source, options = {}) {
  return page.evaluate(
    async ([source, options]) => {
      const progress = [];
      const started = performance.now();
      try {
        const { files, global } = source;
        const model = files ? files.map((name) => globalThis[name]) : global ? globalThis[global] : source;
        const onProgress = (event) => progress.push(event);
        const engine = await lunette.Engine.load(model, { backend: "wasm", onProgress, ...options });
        const took = performance.now() - started;
        const logits = [...(await engine.logits(await engine.tokenize("the")))];
        const { info } = engine;
        await engine.dispose();
        return { logits, progress, info, took };
      } catch (error) {
        return { code: error.code, message: error.message, progress };
      }
    },
    [source, options],
  );
}

export const models = (page) => page.evaluate(() => lunette.Models.list());
export const notes = ({ progress }) => progress.map(({ note }) => note ?? "").join("\n");

/** The right model came of it. */
export function isRight(result) {
  assert.equal(result.code, undefined, result.message);
  assert.deepEqual(result.logits, reference);
}

/** It was refused, in words for people. */
export function isRefused(result, code, says = /./) {
  assert.equal(result.code, code, result.message);
  assert.match(result.message, says);
  assert.match(result.message, /^\S.{20,}[.!?]$/su, "a sentence");
}

/** What a browser has received of a body but not handed over is lost when the connection breaks: its buffer holds so much. */
const TORN = 512 << 10;

/** Nothing was fetched twice but what broke off: at each resumption, at most `torn` bytes. */
export function fetchedOnce(name, t, torn = TORN) {
  const twice = unruly.twice(name);
  t.diagnostic(`${name}: ${unruly.requests(name).length} requests; sent twice: ${JSON.stringify(twice)}`);
  const resumed = unruly.requests(name).length - 1;
  const bytes = twice.reduce((sum, [from, to, times]) => sum + (to - from) * (times - 1), 0);
  assert.ok(bytes <= resumed * torn, `${bytes} bytes were sent twice in ${resumed} resumptions`);
}

/** The package with one of its files changed: for what cannot be brought about from outside. */
export async function variant(name, path, change) {
  const { routes } = await server();
  const at = `/${name}/`;
  routes.set(at, async (request, response) => {
    const wanted = request.url.slice(at.length);
    const original = await fetch(`${origin}/pkg/${wanted}`);
    response.writeHead(original.status, { "content-type": original.headers.get("content-type") });
    if (wanted === path) response.end(change(await original.text()));
    else response.end(Buffer.from(await original.arrayBuffer()));
  });
  return at;
}

/** For a suite: the server and a reference beforehand, and for each test a visitor of its own. */
export function arriving() {
  before(async () => {
    const started = await server();
    ({ origin } = started);
    started.routes.set("/unruly/", unruly.handle);
    unruly.put("whole.gguf", file);
    context = await launchVisitor();
    const page = await visit();
    const whole = await load(page, "/unruly/whole.gguf", { cache: false });
    assert.equal(whole.code, undefined, whole.message);
    reference = whole.logits;
    await context.close();
    // The waiting that is right for people would make these tests slow.
    await variant("hasty", "dist/worker/source/retry.js", (code) =>
      code.replace(/firstDelayMs: [\d_]+/, "firstDelayMs: 5").replace(/stallMs: [\d_]+/, "stallMs: 1000"),
    );
  });
  beforeEach(async () => {
    context = await launchVisitor();
  });
  afterEach(async () => {
    await context.close();
  });
  after(async () => {
    const { routes } = await server();
    for (const at of ["/unruly/", "/hasty/", "/private/", "/small/"]) routes.delete(at);
  });
}
