// Tiny models of some architectures against llama.cpp, in a real browser: those with kernels that the default model lacks.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "./lib.mjs";
import { divergence } from "./numbers.mjs";
import { BACKENDS, minutes, packagePage, server } from "./session.mjs";

/** With a KV cache in half precision. */
const KL_LIMIT = 1e-4;

/** Norms of heads; windows, caps and GELU; two rotations; joined matrices, and rotation of a part of a head; scales. */
const SAMPLE = ["qwen3", "gemma2", "gemma3+pattern", "phi3+long", "granite"];

const models = process.env.LUNETTE_ARCHITECTURES;
const goldens = JSON.parse(readFileSync(join(root, "tests/architectures/golden.json"), "utf8"));

describe("architectures", () => {
  for (const name of SAMPLE) {
    for (const backend of BACKENDS) {
      test(`${name} on ${backend} has llama.cpp's logits`, minutes(5), async (t) => {
        assert.ok(models, "LUNETTE_ARCHITECTURES must name the folder of the tiny models, as `cargo xtask test` does");
        const { origin, files } = await server();
        files.set(`${name}.gguf`, readFileSync(join(models, `${name}.gguf`)));
        t.after(() => files.delete(`${name}.gguf`));
        const prompts = goldens[name].filter(({ tokens }) => tokens.length <= 40);
        const page = await packagePage();
        const logits = await page.evaluate(
          async ([url, backend, prompts]) => {
            const judge = await lunette.Judge.load(url, { backend, cache: false });
            try {
              const all = [];
              for (const tokens of prompts) all.push(Array.from(await judge.engine.logits(new Uint32Array(tokens))));
              return all;
            } finally {
              await judge.dispose();
            }
          },
          [`${origin}/files/${name}.gguf`, backend, prompts.map(({ tokens }) => tokens)],
        );
        for (const [i, { tokens, logits: theirs }] of prompts.entries()) {
          const kl = divergence(theirs, logits[i]);
          t.diagnostic(`${tokens.length} tokens: KL ${kl.toExponential(1)}`);
          assert.ok(kl <= KL_LIMIT, `${tokens.length} tokens: KL ${kl}`);
        }
      });
    }
  }
});

describe("the reward model", () => {
  for (const backend of BACKENDS) {
    test(`on ${backend} rewards as the terminal does`, minutes(5), async (t) => {
      assert.ok(models, "LUNETTE_ARCHITECTURES must name the folder of the tiny models, as `cargo xtask test` does");
      const { origin, files } = await server();
      const names = ["llama.gguf", "llama.head", "llama.wide.lora"];
      for (const name of names) files.set(name, readFileSync(join(models, name)));
      t.after(() => names.forEach((name) => files.delete(name)));
      const { task, verdict: native } = JSON.parse(readFileSync(join(models, "llama.head.json"), "utf8"));
      const page = await packagePage();
      const [model, head, adapter] = names.map((name) => `${origin}/files/${name}`);
      const found = await page.evaluate(
        async ([model, head, adapter, backend, { input, response }]) => {
          const code = (error) => error.code;
          const none = await lunette.Judge.load(model, { head: adapter, backend, cache: false }).catch(code);
          const judge = await lunette.Judge.load(model, { head, adapters: [adapter], backend, cache: false });
          try {
            const verdict = await judge.reward({ input, response });
            const goal = await judge.goalFrom([{ input, response }]);
            const { end } = await judge.reward({ input, response }, { goal });
            const responses = [response, "It is not.", response];
            const { order, rewards } = await judge.rerank({ input, responses });
            const filtered = await judge.filter({ input, responses }, { threshold: -1 });
            const guided = await judge.engine.generate([{ role: "user", content: input }], {
              maxTokens: 8,
              temperature: 1,
              guide: { goal: { kind: 1, short: -0.5 }, candidates: 3, stepTokens: 4 },
            });
            const unknown = await judge.reward({ input, response }, { goal: "long" }).catch(code);
            const written = guided.tokens.length;
            return { none, verdict, end, order, rewards, filtered, unknown, written, goals: judge.info.goals };
          } finally {
            await judge.dispose();
          }
        },
        [model, head, adapter, backend, task],
      );
      const { verdict, rewards } = found;
      const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-3, `${a} here, ${b} natively`);
      near(verdict.reward, native.reward);
      near(verdict.end, native.end);
      assert.deepEqual(verdict.tokens, native.tokens);
      for (const [i, q] of verdict.q.entries()) near(q, native.q[i]);
      assert.deepEqual([verdict.minimum.at, verdict.fall], [native.minimum.at, native.fall]);
      near(found.end, 1);
      near(rewards[0].reward, native.reward);
      assert.deepEqual(found.order.toSorted(), [0, 1, 2]);
      assert.ok(rewards[found.order[0]].reward >= rewards[found.order[2]].reward);
      assert.deepEqual(found.filtered.kept, [0, 1, 2]);
      assert.deepEqual([found.none, found.unknown], ["invalid-argument", "invalid-argument"]);
      assert.ok(found.written > 0 && found.written <= 8, `${found.written} tokens`);
      assert.deepEqual(found.goals, ["kind", "short"]);
    });
  }
});

describe("adapters", () => {
  for (const backend of BACKENDS) {
    test(`two at once on ${backend} have llama.cpp's logits`, minutes(5), async (t) => {
      assert.ok(models, "LUNETTE_ARCHITECTURES must name the folder of the tiny models, as `cargo xtask test` does");
      const { origin, files } = await server();
      const names = ["llama.gguf", "llama.wide.lora", "llama.narrow.lora"];
      for (const name of names) files.set(name, readFileSync(join(models, name)));
      t.after(() => names.forEach((name) => files.delete(name)));
      // Each with its golden values: the model alone, and adapters with their scales.
      const calls = [
        [null, goldens["llama"]],
        ["wide", goldens["llama.wide 1"]],
        [{ name: "narrow" }, goldens["llama.narrow 1"]],
        [{ name: "wide", scale: -0.5 }, goldens["llama.wide -0.5"]],
      ].map(([adapter, prompts]) => ({ adapter, ...prompts[2] }));
      const page = await packagePage();
      const { logits, info, refused } = await page.evaluate(
        async ([urls, backend, calls]) => {
          const [url, ...adapters] = urls;
          const judge = await lunette.Judge.load(url, { adapters, backend, cache: false });
          try {
            const read = ({ tokens, adapter }) => judge.engine.logits(new Uint32Array(tokens), { adapter });
            const logits = (await Promise.all(calls.map(read))).map((values) => Array.from(values));
            const refused = await read({ tokens: [1], adapter: "other" }).catch((error) => [error.code, error.message]);
            return { logits, info: judge.info, refused };
          } finally {
            await judge.dispose();
          }
        },
        [names.map((name) => `${origin}/files/${name}`), backend, calls],
      );
      assert.deepEqual(info.loraAdapters, ["wide", "narrow"]);
      assert.equal(refused[0], "invalid-argument");
      assert.match(refused[1], /"other".*"narrow"/);
      for (const [i, { adapter, logits: theirs }] of calls.entries()) {
        const kl = divergence(theirs, logits[i]);
        t.diagnostic(`${JSON.stringify(adapter)}: KL ${kl.toExponential(1)}`);
        assert.ok(kl <= KL_LIMIT, `${JSON.stringify(adapter)}: KL ${kl}`);
      }
    });
  }
});
