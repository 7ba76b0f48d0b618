// The built package against llama.cpp's values for the same file, in a real browser.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { golden } from "./lib.mjs";
import { divergence, floats, perplexity } from "./numbers.mjs";
import { BACKENDS, judgeOn, minutes, quick } from "./session.mjs";

const KL_LIMIT = 1e-4;
const PERPLEXITY_LIMIT = 1e-3;
const END_OF_TURN = 2;

// What each backend reads in the time of a test. SwiftShader reads some ten tokens a second, so on WebGPU the
// 1561 tokens of `long` are left to the native GPU tests, and perplexity is taken over a shorter span.
const REACH = {
  wasm: { prompts: quick ? ["short", "short2"] : ["short", "short2", "judge", "long"], span: quick ? 64 : 512 },
  webgpu: { prompts: quick ? ["short2"] : ["short", "short2", "judge"], span: quick ? 32 : 96 },
};

const skip = !existsSync(join(golden, "manifest.json")) && `there are no reference values in ${golden}`;
if (skip) {
  console.error(`\nNOT TESTED AGAINST LLAMA.CPP: ${skip}.\nName their folder in LUNETTE_GOLDEN.\n`);
}
const read = (name) => JSON.parse(readFileSync(join(golden, name), "utf8"));
const { prompts } = skip ? { prompts: {} } : read("manifest.json");

// A skipped suite would not be counted; a skipped test is.
if (skip) test("golden values", { skip }, () => {});

for (const backend of skip ? [] : BACKENDS) {
  const { prompts: names, span } = REACH[backend];

  describe(`golden values on ${backend}`, () => {
    test("token ids of every prompt", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      for (const [name, { prompt, token_ids }] of Object.entries(prompts)) {
        const ids = await page.evaluate(
          async (text) => Array.from(await judge.engine.tokenize(text, { special: true })),
          prompt,
        );
        assert.deepEqual(ids, token_ids, name);
      }
    });

    for (const name of names) {
      test(`next-token logits of ${name}`, minutes(10), async (t) => {
        const { page } = await judgeOn(backend);
        const ours = await page.evaluate((ids) => judge.engine.logits(new Uint32Array(ids)), prompts[name].token_ids);
        const reference = floats(readFileSync(join(golden, `${name}.f32ref.f32`)));
        assert.equal(ours.length, reference.length);
        const kl = divergence(reference, ours);
        t.diagnostic(`KL(f32ref ‖ ours) = ${kl.toExponential(2)}`);
        assert.ok(kl <= KL_LIMIT, `KL ${kl} is above ${KL_LIMIT}`);
      });
    }

    test("greedy tokens of short2", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const { token_ids, variants } = prompts.short2;
      const expected = variants.f32ref.greedy_ids;
      assert.equal(expected.at(-1), END_OF_TURN, "the reference runs to the end of the turn");
      const { tokens, finishReason } = await page.evaluate(
        async ([ids, maxTokens]) => {
          const { tokens, finishReason } = await judge.engine.generate(new Uint32Array(ids), { maxTokens });
          return { tokens: Array.from(tokens), finishReason };
        },
        [token_ids, expected.length + 8],
      );
      // Whether the token that ends the turn is handed out is not what this is about.
      assert.deepEqual(
        tokens.filter((id) => id !== END_OF_TURN),
        expected.slice(0, -1),
      );
      assert.equal(finishReason, "stop");
    });

    test(`perplexity of the first ${span} tokens`, minutes(10), async (t) => {
      const { page } = await judgeOn(backend);
      const reference = read("ppl.f32ref.json");
      const ours = await page.evaluate(
        (ids) => judge.engine.logprobs(new Uint32Array(ids)),
        reference.token_ids.slice(0, span),
      );
      assert.equal(ours.length, span - 1);
      const expected = perplexity(reference.logprobs.slice(1, span));
      const ratio = perplexity(ours) / expected - 1;
      t.diagnostic(`perplexity ${perplexity(ours).toFixed(4)}, llama.cpp ${expected.toFixed(4)}`);
      assert.ok(Math.abs(ratio) <= PERPLEXITY_LIMIT, `off by ${(ratio * 100).toFixed(3)} %`);
    });
  });
}
