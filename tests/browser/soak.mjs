// Judges at random for as long as it is told, with faults of all kinds, and looks after each minute whether anything is left over.
// `cargo xtask soak --minutes N` runs it; soak.test.mjs runs three minutes of it.

import { fork } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gguf, tinyJudge, tinyMetadata, tinyTensors } from "./gguf.mjs";
import { launchWithProfile, startServer } from "./lib.mjs";
import { DEEDS, pick } from "./soak/deeds.mjs";
import { random } from "./soak/judging.mjs";
import { installed, temporary } from "./tarball.mjs";
import { UnrulyServer } from "./unruly-server.mjs";
import { watchedPage } from "./watched.mjs";

const here = (name) => fileURLToPath(new URL(`soak/${name}`, import.meta.url));
const MIB = 1 << 20;
/** What may be held more than after the first minute, which is the line that all others are held to. */
const MOST = { heap: 1 * MIB, wasm: 8 * MIB, nodeHeap: 8 * MIB, files: 0 };
/** No deed takes so long, unless a promise never settles. */
const HANGS_MS = 180_000;
/** Blocks of the models that are judged with, and of one that is fetched: it has two chunks. */
const JUDGES = [1, 2];
const FETCHED = 3;

/** Runs for `minutes`. Returns a line for each, and everything that was wrong. */
export async function soak({ minutes, seed = 1, minuteMs = 60_000, say = console.log }) {
  const world = await begin(seed);
  const lines = [];
  try {
    for (let minute = 1; minute <= minutes; minute++) {
      const line = await oneMinute(world, minute, minuteMs);
      lines.push(line);
      say(show(line));
    }
  } finally {
    await world.close();
  }
  const problems = lines.flatMap(({ minute, problems }) => problems.map((what) => `minute ${minute}: ${what}`));
  return { seed, lines, problems, deeds: Object.fromEntries(world.done) };
}

async function begin(seed) {
  const server = await startServer();
  const { origin } = server;
  const unruly = new UnrulyServer();
  server.routes.set("/unruly/", unruly.handle);
  const models = JUDGES.map((blocks) => {
    server.files.set(`judge-${blocks}.gguf`, tinyJudge({ blocks }));
    return `${origin}/files/judge-${blocks}.gguf`;
  });
  const context = await launchWithProfile(temporary("soak"));
  const page = await watchedPage(context, origin);
  const devtools = await context.newCDPSession(page);
  await page.evaluate(
    async (source) => {
      globalThis.soak = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
      globalThis.desk = new soak.Desk(lunette);
    },
    readFileSync(here("judging.mjs"), "utf8"),
  );
  const goldens = await allGoldens(page, models);
  const fresh = await freshModels(page, unruly, origin);
  const node = await nodeProcess(models, goldens);
  const done = new Map(DEEDS.map(({ name }) => [name, 0]));
  return {
    draw: random(seed),
    seed,
    origin,
    context,
    page,
    devtools,
    models,
    fresh,
    node,
    done,
    async close() {
      node.kill();
      await context.close();
      server.close();
    },
  };
}

/** What each model says of each task on each backend, one task at a time. */
async function allGoldens(page, models) {
  const goldens = {};
  for (const model of models) {
    for (const backend of ["wasm", "webgpu"]) {
      goldens[`${model} ${backend}`] = await page.evaluate(
        async ([model, backend]) => {
          await desk.load(model, { backend, worker: false, cache: false });
          return desk.goldens();
        },
        [model, backend],
      );
    }
  }
  await page.evaluate(async (goldens) => {
    await desk.dispose();
    globalThis.desk = new soak.Desk(lunette, goldens);
  }, goldens);
  return goldens;
}

/** A model that has a new address each time, so that it is in nobody's cache. */
async function freshModels(page, unruly, origin) {
  const { file: bytes } = gguf(tinyMetadata(FETCHED), tinyTensors(FETCHED));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  let count = 0;
  const put = (more = {}) => {
    const name = `fresh-${++count}.gguf`;
    unruly.put(name, bytes, more);
    return { url: `${origin}/unruly/${name}`, sha256 };
  };
  const logits = await page.evaluate(async (url) => {
    const engine = await lunette.Engine.load(url, { backend: "wasm", cache: false });
    const logits = [...(await engine.logits(await engine.tokenize("the")))];
    await engine.dispose();
    return logits;
  }, put().url);
  return { bytes, put, logits };
}

async function nodeProcess(models, goldens) {
  const folder = temporary("soak-node");
  const cache = join(folder, "cache");
  mkdirSync(cache, { recursive: true });
  const file = join(folder, "goldens.json");
  writeFileSync(file, JSON.stringify({ models, goldens }));
  const entry = join(await installed(), "dist/node/main.js");
  const child = fork(here("node.mjs"), [entry, file], {
    execArgv: ["--expose-gc"],
    env: { ...process.env, LUNETTE_CACHE: cache },
  });
  await answer(child);
  return child;
}

const answer = (child) =>
  new Promise((resolve, reject) => {
    child.once("message", resolve);
    child.once("exit", (code) => reject(new Error(`the Node process ended with ${code}`)));
  });

async function oneMinute(world, minute, ms) {
  const end = Date.now() + ms;
  const node = answer(world.node);
  world.node.send({ seed: world.seed * 1000 + minute, ms });
  const problems = [];
  while (Date.now() < end && problems.length === 0) {
    const { name, act } = pick(world.draw);
    const found = (await within(HANGS_MS, act(world), name)).map((what) => `${name}: ${what}`);
    problems.push(...found);
    world.done.set(name, world.done.get(name) + 1);
  }
  const page = await within(HANGS_MS, heldByPage(world), "the end of a minute");
  const line = { minute, page, node: await within(HANGS_MS, node, "the Node process") };
  world.first ??= line;
  return { ...line, problems: [...problems, ...line.node.problems, ...leftOver(line, world.first)] };
}

/** Rejects where a promise does not settle. */
function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} did not end within ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Empties the page, and says what is in it still. */
async function heldByPage({ page, devtools }) {
  const held = await page.evaluate(async () => {
    // An aborted load rejects at once, and its worker ends a moment later; so does the worker of a call of `Models`.
    const workersEnd = async () => {
      for (let waited = 0; counts.workers > 0 && waited < 10_000; waited += 100)
        await new Promise((done) => setTimeout(done, 100));
    };
    await desk.dispose();
    await workersEnd();
    for (const { id } of await lunette.Models.list()) await lunette.Models.delete(id);
    const folder = await navigator.storage
      .getDirectory()
      .then((folder) => folder.getDirectoryHandle("lunette", { create: true }))
      .then((folder) => folder.getDirectoryHandle("models", { create: true }));
    const files = [];
    for await (const name of folder.keys()) files.push(name);
    const { held, pending } = await navigator.locks.query();
    const locks = [...held, ...pending].map(({ name }) => name);
    await workersEnd();
    return {
      ...globalThis.counts,
      verdicts: desk.counts,
      open: [...desk.open.values()],
      files,
      locks,
      wasm: wasmBytes(),
    };
  });
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  return { ...held, heap: usedSize };
}

/** Sentences about everything that should be gone. */
function leftOver({ page, node }, first) {
  const found = [];
  const none = (what, list) => list.length > 0 && found.push(`${what}: ${list.join(", ")}`);
  for (const kind of ["buffers", "devices", "workers"])
    if (page[kind] !== 0) found.push(`${page[kind]} ${kind} are left`);
  none("the page's promises that are open", page.open);
  none("the page's locks", page.locks);
  none("files in the page's storage", page.files);
  none("Node's promises that are open", node.open);
  none("Node's lock files", node.locks);
  const grown = (what, now, then, most) =>
    now - then > most && found.push(`${what} has grown from ${then} to ${now} since the first minute`);
  grown("the page's JS heap", page.heap, first.page.heap, MOST.heap);
  grown("the page's wasm memory", page.wasm, first.page.wasm, MOST.wasm);
  grown("Node's JS heap", node.heap, first.node.heap, MOST.nodeHeap);
  grown(`the number of Node's open files (${node.opened.join(", ")})`, node.files, first.node.files, MOST.files);
  return found;
}

const mib = (bytes) => `${(bytes / MIB).toFixed(1)} MiB`;

function show({ minute, page, node, problems }) {
  const both = (name) => page.verdicts[name] + node.counts[name];
  return (
    `minute ${minute}: ${both("verdicts")} verdicts, ${both("aborted")} aborted; page: ${mib(page.heap)} JS, ${mib(page.wasm)} wasm; ` +
    `Node: ${mib(node.heap)} JS, ${mib(node.rss)} resident, ${node.files} files` +
    problems.map((what) => `\n  WRONG: ${what}`).join("")
  );
}

async function main() {
  const { values } = parseArgs({
    options: { minutes: { type: "string", default: "3" }, seed: { type: "string", default: "1" } },
  });
  const { problems, deeds } = await soak({ minutes: Number(values.minutes), seed: Number(values.seed) });
  const counts = Object.entries(deeds).map(([name, count]) => `${name} ${count}`);
  console.log(counts.join(", "));
  console.log(problems.length === 0 ? "nothing was wrong" : `${problems.length} wrong`);
  process.exitCode = problems.length === 0 ? 0 : 1;
}

// Not awaited: a module that waits would be run after those that are imported behind it.
if (process.argv[1] === fileURLToPath(import.meta.url)) void main();
