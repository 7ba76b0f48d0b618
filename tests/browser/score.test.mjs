// The judge in an app, on both backends.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { example, modelUrl, root } from "./lib.mjs";
import { BACKENDS, judgeOn, minutes, packagePage } from "./session.mjs";

// A step on SwiftShader takes up to a few seconds, and aborts are checked between steps.
const PROMPT_ABORT_MS = 15_000;

const verdicts = {};

for (const backend of BACKENDS) {
  describe(`score on ${backend}`, () => {
    test("loading tells its progress and what was loaded", minutes(5), async () => {
      const { info, progress } = await judgeOn(backend);
      assert.equal(info.backend, backend);
      assert.equal(info.architecture, "llama");
      assert.equal(info.quantization, "Q4_1");
      assert.ok(info.adapter.length > 0);
      assert.ok(backend === "wasm" ? info.gpuBytes === 0 : info.gpuBytes > 90e6, `${info.gpuBytes} bytes on the GPU`);

      const downloads = progress.filter(({ phase }) => phase === "download");
      assert.ok(downloads.length >= 2, "a download of 98 MB is seen to go on");
      downloads.reduce((before, { loaded }) => {
        assert.ok(loaded >= before, "progress goes forward");
        return loaded;
      }, 0);
      assert.equal(downloads.at(-1).loaded, downloads.at(-1).total);
      assert.equal(progress.at(-1).phase, "ready");
    });

    test("a verdict is a distribution", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const verdict = await page.evaluate((task) => judge.score(task, { critique: false }), example);
      verdicts[backend] = verdict;
      const probabilities = Object.values(verdict.distribution);
      assert.deepEqual(Object.keys(verdict.distribution), ["1", "2", "3", "4", "5"]);
      assert.ok([...probabilities, verdict.outside].every((p) => p >= 0 && p <= 1));
      const inside = probabilities.reduce((a, b) => a + b);
      assert.ok(Math.abs(inside + verdict.outside - 1) <= 1e-3, `sums to ${inside + verdict.outside}`);
      assert.equal(verdict.distribution[verdict.score], Math.max(...probabilities));
      const expected = Object.entries(verdict.distribution).reduce((sum, [s, p]) => sum + (s * p) / inside, 0);
      assert.ok(Math.abs(expected - verdict.expected) < 1e-3);
      assert.equal(verdict.critique, null);
      assert.ok(verdict.usage.promptTokens > 100);
      assert.ok(verdict.timing.totalMs > 0);
    });

    test("a critique is streamed, and the verdict follows", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const { verdict, pieces } = await page.evaluate(async (task) => {
        const pieces = [];
        const verdict = await judge.score(task, { maxTokens: 12, onToken: (text) => pieces.push(text) });
        return { verdict, pieces };
      }, example);
      assert.ok(pieces.length > 1, "it comes in pieces");
      assert.ok(verdict.critique.length > 0);
      assert.equal(pieces.join("").trim(), verdict.critique.trim());
      assert.ok(verdict.score >= 1 && verdict.score <= 5);
      assert.ok(verdict.usage.completionTokens > 0 && verdict.usage.completionTokens <= 16);
    });

    test("an abort is prompt, and the judge works on", minutes(5), async (t) => {
      const { page } = await judgeOn(backend);
      const { code, ms } = await page.evaluate(async (task) => {
        const controller = new AbortController();
        let aborted;
        const onToken = () => {
          aborted ??= performance.now();
          controller.abort();
        };
        try {
          await judge.score(task, { maxTokens: 400, onToken, signal: controller.signal });
          return { code: "it was not aborted" };
        } catch (error) {
          return { code: error.code, ms: performance.now() - aborted };
        }
      }, example);
      assert.equal(code, "aborted");
      t.diagnostic(`${ms.toFixed(0)} ms from abort to rejection`);
      assert.ok(ms < PROMPT_ABORT_MS);

      const verdict = await page.evaluate((task) => judge.score(task, { critique: false }), example);
      assert.deepEqual(verdict.distribution, verdicts[backend].distribution);
    });

    test("a text cannot end its own turn", minutes(2), async () => {
      const { page } = await judgeOn(backend);
      const [plain, special] = await page.evaluate(async () => {
        const counts = [false, true].map(async (special) => {
          return (await judge.engine.tokenize("<|im_end|>", { special })).length;
        });
        return Promise.all(counts);
      });
      assert.equal(special, 1);
      assert.ok(plain > 1);
    });
  });
}

test("both backends reach the same verdict", () => {
  const { wasm, webgpu } = verdicts;
  assert.ok(wasm && webgpu, "each backend reached a verdict");
  assert.equal(webgpu.score, wasm.score);
  for (const [score, p] of Object.entries(wasm.distribution)) {
    assert.ok(Math.abs(webgpu.distribution[score] - p) <= 0.02, `p(${score}): ${p} and ${webgpu.distribution[score]}`);
  }
  assert.ok(Math.abs(webgpu.outside - wasm.outside) <= 0.02);
});

test("verdicts are llama.cpp's", minutes(3), async () => {
  const read = (name) => JSON.parse(readFileSync(join(root, "tests/verdicts", name), "utf8"));
  const golden = read("golden.json");
  const { page } = await judgeOn("wasm");
  for (const kind of ["score", "classify"]) {
    const { name, template, task } = read("tasks.json").find((each) => each.kind === kind);
    const [{ distribution, outside }] = golden[name];
    const verdict = await page.evaluate(
      ([kind, task, template]) => judge[kind](task, { critique: false, template }),
      [kind, task, template],
    );
    for (const [label, p] of Object.entries({ ...distribution, outside })) {
      const ours = label === "outside" ? verdict.outside : verdict.distribution[label];
      assert.ok(Math.abs(ours - p) <= 0.01, `${name}, p(${label}): ${ours} and ${p}`);
    }
  }
});

test("an abort while loading", minutes(2), async () => {
  const page = await packagePage();
  const code = await page.evaluate(async (url) => {
    const controller = new AbortController();
    const options = { backend: "wasm", signal: controller.signal, onProgress: () => controller.abort() };
    return lunette.Judge.load(url, options).then(
      () => "it was not aborted",
      (error) => error.code,
    );
  }, modelUrl);
  assert.equal(code, "aborted");
});

test("a model that is not there", minutes(2), async () => {
  const page = await packagePage();
  const error = await page.evaluate(() =>
    lunette.Judge.load("/models/absent.gguf", { backend: "wasm" }).then(
      () => ({ code: "it was loaded" }),
      ({ code, message }) => ({ code, message }),
    ),
  );
  assert.equal(error.code, "source");
  assert.match(error.message, /absent\.gguf/);
});
