// The built package against llama.cpp's values for the same file, in a real browser.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { places } from "../golden/llama.mjs";
import { apart, divergence, perplexity } from "./numbers.mjs";
import { PROMPTS, reference } from "./reference.mjs";
import { BACKENDS, judgeOn, minutes, quick } from "./session.mjs";

const KL_LIMIT = 1e-4;
const PERPLEXITY_LIMIT = 1e-3;
const STATES_LIMIT = 2e-3;
const END_OF_TURN = 2;

// What each backend reads in the time of a test. SwiftShader reads some ten tokens a second, so on WebGPU the
// 1561 tokens of `long` are left to the native GPU tests, and perplexity is taken over a shorter span.
const REACH = {
  wasm: { prompts: quick ? ["short", "short2"] : ["short", "short2", "judge", "long"], span: quick ? 64 : 512 },
  webgpu: { prompts: quick ? ["short2"] : ["short", "short2", "judge"], span: quick ? 32 : 96 },
};

for (const backend of BACKENDS) {
  const { prompts: names, span } = REACH[backend];

  describe(`golden values on ${backend}`, () => {
    test("token ids of every prompt", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      for (const name of PROMPTS) {
        const ids = await page.evaluate(
          async (text) => Array.from(await judge.engine.tokenize(text, { special: true })),
          reference.text(name),
        );
        assert.deepEqual(ids, reference.tokens(name), name);
      }
    });

    test("a conversation becomes the golden prompt", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const shown = await page.evaluate(async () => {
        const { text, tokens, special } = await judge.engine.chatPrompt([
          { role: "system", content: "You are a helpful AI assistant named SmolLM, trained by Hugging Face" },
          { role: "user", content: "What is the capital of France?" },
        ]);
        return { text, tokens: Array.from(tokens), special: Array.from(special) };
      });
      assert.deepEqual(shown.tokens, reference.tokens("short"));
      assert.equal(shown.text, reference.text("short"));
      // <|im_start|> and <|im_end|> of two turns, and the start of the third.
      assert.equal(shown.special.length, 5);
    });

    test("hidden states", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const tokens = reference.tokens("short2");
      const states = await page.evaluate(
        ([ids, at]) => judge.engine.states(new Uint32Array(ids), { at }),
        [tokens, places(tokens)],
      );
      const size = await page.evaluate(() => judge.info.hiddenSize);
      const theirs = reference.states("short2");
      assert.deepEqual([states.length, size], [theirs.length, theirs.length / 3]);
      for (let i = 0; i < 3; i++) {
        const [a, b] = [theirs, states].map((all) => all.slice(i * size, (i + 1) * size));
        assert.ok(apart(a, b) <= STATES_LIMIT, `the state at ${places(tokens)[i]} is ${apart(a, b)} away`);
      }
    });

    for (const name of names) {
      test(`next-token logits of ${name}`, minutes(10), async (t) => {
        const { page } = await judgeOn(backend);
        const ours = await page.evaluate((ids) => judge.engine.logits(new Uint32Array(ids)), reference.tokens(name));
        const theirs = reference.logits(name);
        assert.equal(ours.length, theirs.length);
        const kl = divergence(theirs, ours);
        t.diagnostic(`KL(f32ref ‖ ours) = ${kl.toExponential(2)}`);
        assert.ok(kl <= KL_LIMIT, `KL ${kl} is above ${KL_LIMIT}`);
      });
    }

    test("greedy tokens of short2", minutes(5), async () => {
      const { page } = await judgeOn(backend);
      const expected = reference.greedy("short2");
      assert.equal(expected.at(-1), END_OF_TURN, "the reference runs to the end of the turn");
      const { tokens, finishReason } = await page.evaluate(
        async ([ids, maxTokens]) => {
          const { tokens, finishReason } = await judge.engine.generate(new Uint32Array(ids), { maxTokens });
          return { tokens: Array.from(tokens), finishReason };
        },
        [reference.tokens("short2"), expected.length + 8],
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
      const { tokens, logprobs } = reference.perplexity();
      const ours = await page.evaluate((ids) => judge.engine.logprobs(new Uint32Array(ids)), tokens.slice(0, span));
      assert.equal(ours.length, span - 1);
      const expected = perplexity(logprobs.slice(0, span - 1));
      const ratio = perplexity(ours) / expected - 1;
      t.diagnostic(`perplexity ${perplexity(ours).toFixed(4)}, llama.cpp ${expected.toFixed(4)}`);
      assert.ok(Math.abs(ratio) <= PERPLEXITY_LIMIT, `off by ${(ratio * 100).toFixed(3)} %`);
    });
  });
}
