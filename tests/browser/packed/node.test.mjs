// The installed package in Node.

import assert from "node:assert/strict";
import { readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { performance } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import { model } from "../lib.mjs";
import { divergence } from "../numbers.mjs";
import { reference } from "../reference.mjs";
import { minutes, quick } from "../session.mjs";
import { project, run } from "../tarball.mjs";
import { serve } from "./serve.mjs";
import { isGolden, task } from "./spider.mjs";

const KL_LIMIT = 1e-4;

let folder;
let lunette;
let judge;

before(async () => {
  folder = await project("in-node", "node");
  process.env.LUNETTE_CACHE = join(folder, "cache");
  lunette = await import(await entry());
  judge = await lunette.Judge.load(model, { backend: "wasm" });
});
after(() => judge?.dispose());

/** The file that an import resolves to in the project. */
const entry = async (name = "lunette") =>
  (await run("node", ["--input-type=module", "-e", `console.log(import.meta.resolve("${name}"))`], folder)).trim();

/** Runs a module in the project, in a separate process. */
const script = (code, env) => run("node", ["--input-type=module", "-e", code], folder, env);

describe("in Node, on wasm", () => {
  test("the example prints one verdict, and ends", minutes(5), async () => {
    const printed = await run("node", ["judge.js", model, "wasm"], folder);
    const { backend, ...verdict } = JSON.parse(printed);
    assert.equal(backend, "wasm");
    isGolden(verdict);
  });

  test("no number of threads changes a bit", minutes(5), async () => {
    const distributions = [];
    for (const threads of [1, 3]) {
      const judge = await lunette.Judge.load(model, { backend: "wasm", threads });
      assert.equal(judge.info.threads, threads);
      distributions.push((await judge.score(task, { critique: false })).distribution);
      await judge.dispose();
    }
    assert.deepEqual(distributions[1], distributions[0]);
    assert.equal(judge.info.threads, Math.min(availableParallelism(), 16));
  });

  test("the engine has a thread of its own", minutes(5), async () => {
    const begun = performance.eventLoopUtilization();
    isGolden(await judge.score(task, { critique: false }));
    const { utilization } = performance.eventLoopUtilization(begun);
    assert.ok(utilization < 0.5, `this thread was busy for ${utilization} of the time`);
  });

  test("a data set is judged, kept in a file, and judged no second time", minutes(5), async () => {
    const { fileJournal } = await import(await entry("lunette/node"));
    const { rubric, ...row } = task;
    const rows = join(folder, "rows.jsonl");
    writeFileSync(
      rows,
      [row, { ...row, response: "Eight." }, { input: "?" }].map((row) => JSON.stringify(row)).join("\n"),
    );
    const spec = { task: "score", rubrics: [{ name: "right", rubric }] };
    const evaluate = async () => {
      const journal = fileJournal(join(folder, "verdicts.jsonl"));
      const results = [];
      let progress;
      const asked = { ...spec, journal, onProgress: (now) => (progress = now) };
      const file = await lunette.openRows(rows);
      for await (const result of judge.evaluate(file, asked, { critique: false })) results.push(result);
      journal.close();
      return { results, progress };
    };
    const first = await evaluate();
    isGolden(first.results[0].verdicts.right);
    assert.match(first.results[2].error.message, /^line 3: .*`response`/);
    assert.equal(first.progress.resumed, 0);
    assert.equal(readFileSync(join(folder, "verdicts.jsonl"), "utf8").trim().split("\n").length, 2);
    const second = await evaluate();
    assert.equal(JSON.stringify(second.results), JSON.stringify(first.results));
    assert.equal(second.progress.resumed, 2);
    const report = await lunette.report(first.results, spec);
    assert.deepEqual([report.sections[0].counts.rows, report.sections[0].counts.failed], [3, 1]);
    await assert.rejects(lunette.openRows(join(folder, "none.csv")), { code: "source" });
  });

  test("worker: false runs it on the caller's", minutes(5), async () => {
    const here = await lunette.Judge.load(model, { worker: false });
    assert.equal(here.info.backend, "wasm");
    isGolden(await here.score(task, { critique: false }));
    await here.dispose();
  });

  test("a process that forgets to dispose ends all the same", minutes(5), async () => {
    const code = `
      import { Engine } from "lunette";
      const engine = await Engine.load(${JSON.stringify(model)}, { backend: "wasm" });
      console.log((await engine.tokenize("the end")).length);`;
    assert.match(await script(code), /^\d+\n$/);
  });

  test("a call that is awaited keeps the process alive", minutes(5), async () => {
    const code = `
      import { Engine } from "lunette";
      for (const worker of [true, false]) {
        const engine = await Engine.load(${JSON.stringify(model)}, { backend: "wasm", worker });
        engine.generate("Once", { maxTokens: 4 }).then(({ tokens }) => console.log(tokens.length));
      }`;
    assert.equal(await script(code), "4\n4\n");
  });

  test("a model by URL, by file: URL, by relative path, as bytes", minutes(5), async () => {
    const host = await serve(dirname(model));
    try {
      const path = relative(process.cwd(), model);
      const sources = [`${host.url}models/${basename(model)}`, pathToFileURL(model), path, readFileSync(model).buffer];
      for (const source of sources) {
        const engine = await lunette.Engine.load(source, { backend: "wasm" });
        assert.equal((await engine.tokenize("<|im_end|>", { special: true })).length, 1);
        await engine.dispose();
      }
    } finally {
      host.close();
    }
  });

  test("a model by URL is kept in a folder, listed and deleted", minutes(5), async () => {
    const host = await serve(dirname(model));
    const url = `${host.url}models/${basename(model)}`;
    const code = `
      import { Engine, Models } from "lunette";
      for (const again of [false, true]) {
        const engine = await Engine.load(${JSON.stringify(url)}, { backend: "wasm" });
        await engine.dispose();
      }
      const [kept, ...others] = await Models.list();
      const { models } = await Models.usage();
      await Models.delete(kept.id);
      const left = await Models.list();
      console.log(JSON.stringify({ kept, others, models, left }));`;
    try {
      const env = { LUNETTE_CACHE: join(folder, "another-cache") };
      const { kept, others, models, left } = JSON.parse(await script(code, env));
      assert.equal(host.requests.filter((path) => path.endsWith(".gguf")).length, 1, "fetched once");
      assert.equal(kept.url, url);
      assert.ok(kept.complete);
      assert.match(kept.sha256, /^[0-9a-f]{64}$/);
      assert.equal(kept.bytes, statSync(model).size);
      assert.equal(models, kept.bytes);
      assert.deepEqual([others, left], [[], []]);
    } finally {
      host.close();
    }
  });

  test("what cannot be had is a typed error", minutes(2), async () => {
    for (const [source, code] of [
      ["absent.gguf", "source"],
      [dirname(model), "source"],
      [join(folder, "package.json"), "invalid-file"],
    ]) {
      await assert.rejects(lunette.Engine.load(source, { backend: "wasm" }), (error) => {
        assert.ok(error instanceof lunette.LunetteError);
        assert.equal(error.code, code, error.message);
        return true;
      });
    }
  });

  test("what needs no model", minutes(1), async () => {
    const results = [
      { a: 0, b: 1, winner: "a" },
      { a: 1, b: 0, winner: "b" },
    ];
    assert.deepEqual((await lunette.rankResults(results)).order, [0, 1]);
    assert.equal(typeof (await lunette.parseRubric("objective: Is it true?")), "string");
  });

  test("CommonJS can require it", minutes(1), async () => {
    const code = 'console.log(typeof require("lunette").Judge.load)';
    assert.equal(await run("node", ["--input-type=commonjs", "-e", code], folder), "function\n");
  });
});

for (const name of quick ? ["short"] : ["short", "short2", "judge"]) {
  test(`in Node, the golden logits of ${name}`, minutes(5), async (t) => {
    const kl = divergence(reference.logits(name), await judge.engine.logits(new Uint32Array(reference.tokens(name))));
    t.diagnostic(`KL(f32ref ‖ ours) = ${kl.toExponential(2)}`);
    assert.ok(kl <= KL_LIMIT, `KL ${kl} is above ${KL_LIMIT}`);
  });
}

describe("in Node, on WebGPU", () => {
  // The manifest of a Vulkan driver that Dawn accepts. Empty: use the machine's drivers.
  const driver = process.env.LUNETTE_DAWN_DRIVER;
  const skip = driver === undefined && "no driver for Dawn is named in LUNETTE_DAWN_DRIVER";
  const env = driver ? { VK_DRIVER_FILES: driver, VK_ICD_FILENAMES: driver } : {};

  before(() => {
    if (skip) return;
    // Beside the package, where npm puts what a user installs.
    const from = join(import.meta.dirname, "../node_modules/webgpu");
    symlinkSync(from, join(folder, "node_modules/webgpu"), "dir");
  });

  test("Dawn runs the model, and agrees with llama.cpp", { ...minutes(10), skip }, async (t) => {
    const code = `
      import { Engine } from "lunette";
      const engine = await Engine.load(${JSON.stringify(model)}, { backend: "webgpu", contextLength: 256 });
      const logits = await engine.logits(new Uint32Array(${JSON.stringify(reference.tokens("short"))}));
      console.log(JSON.stringify({ info: engine.info, logits: Array.from(logits) }));`;
    const { info, logits } = JSON.parse(await script(code, env));
    t.diagnostic(`${info.adapter}; ${info.capabilities.join(", ")}`);
    assert.equal(info.backend, "webgpu");
    assert.ok(info.gpuBytes > 90e6);
    const kl = divergence(reference.logits("short"), Float32Array.from(logits));
    t.diagnostic(`KL(f32ref ‖ ours) = ${kl.toExponential(2)}`);
    assert.ok(kl <= KL_LIMIT, `KL ${kl} is above ${KL_LIMIT}`);
  });

  test("a flag that Dawn refuses is a typed error", { ...minutes(5), skip }, async () => {
    const code = `
      import { Engine, setDawnFlags } from "lunette/node";
      setDawnFlags(["adapter=there is none of this name"]);
      await Engine.load(${JSON.stringify(model)}, { backend: "webgpu" }).catch(({ code }) => console.log(code));`;
    assert.match(await script(code, env), /^no-gpu$/m);
  });
});
