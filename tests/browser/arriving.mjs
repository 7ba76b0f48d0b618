// Helpers of the download tests: a file, a server with injected faults, and a browser profile for each test.

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

/** Loads a model in a page, like an app. Returns the result or the error. */
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

/** Checks that the right model was loaded. */
export function isRight(result) {
  assert.equal(result.code, undefined, result.message);
  assert.deepEqual(result.logits, reference);
}

/** Checks that the load failed, with a message for people. */
export function isRefused(result, code, says = /./) {
  assert.equal(result.code, code, result.message);
  assert.match(result.message, says);
  assert.match(result.message, /^\S.{20,}[.!?]$/su, "a sentence");
}

/** The size of a browser's receive buffer, whose content is lost when the connection breaks. */
const TORN = 512 << 10;

/** Checks that at most `torn` bytes were downloaded twice at each resumption. */
export function fetchedOnce(name, t, torn = TORN) {
  const twice = unruly.twice(name);
  t.diagnostic(`${name}: ${unruly.requests(name).length} requests; sent twice: ${JSON.stringify(twice)}`);
  const resumed = unruly.requests(name).length - 1;
  const bytes = twice.reduce((sum, [from, to, times]) => sum + (to - from) * (times - 1), 0);
  assert.ok(bytes <= resumed * torn, `${bytes} bytes were sent twice in ${resumed} resumptions`);
}

/** A copy of the package with one changed file, for faults that cannot be injected from outside. */
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

/** Sets up a suite: the server and a reference before it, and a browser profile for each test. */
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
    // The real retry delays would make these tests slow.
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
