// Constrained decoding in the wasm module in a browser, with its clock, its stack and its JavaScript values.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { judgeOn, minutes } from "./session.mjs";

const schema = {
  type: "object",
  properties: {
    label: { enum: ["good", "bad"] },
    score: { type: "integer", minimum: 1, maximum: 5 },
    tags: { type: "array", items: { $ref: "#/$defs/tag" }, maxItems: 1 },
    note: undefined,
  },
  required: ["label", "score", "tags"],
  additionalProperties: false,
  $defs: { tag: { type: "string", pattern: "^[a-z]{1,5}$" } },
};

/** The text that the engine of `page` generates under `constraint`, or the error's code and message. */
function generate(page, constraint, options = {}) {
  return page.evaluate(
    async ([constraint, options]) => {
      const prompt = [{ role: "user", content: "Judge the answer “4” to “2 + 2?”, as JSON." }];
      try {
        const pieces = [];
        const onToken = (text) => pieces.push(text);
        const { text, finishReason } = await judge.engine.generate(prompt, { ...options, constraint, onToken });
        return { text, finishReason, streamed: pieces.join("") };
      } catch ({ code, message }) {
        return { code, message };
      }
    },
    [constraint, options],
  );
}

describe("constraints on wasm", () => {
  test("JSON under a schema", minutes(5), async () => {
    const { page } = await judgeOn("wasm");
    for (const options of [{}, { temperature: 1.5, seed: 7 }]) {
      const { text, finishReason, streamed, ...error } = await generate(page, { jsonSchema: schema }, options);
      assert.deepEqual(error, {});
      assert.equal(finishReason, "stop");
      assert.equal(streamed, text);
      const { label, score, tags, ...others } = JSON.parse(text);
      assert.ok(["good", "bad"].includes(label), text);
      assert.ok(Number.isInteger(score) && score >= 1 && score <= 5, text);
      assert.ok(tags.length <= 1 && tags.every((tag) => /^[a-z]{1,5}$/.test(tag)), text);
      assert.deepEqual(others, {});
    }
  });

  test("an expression and a grammar", minutes(5), async () => {
    const { page } = await judgeOn("wasm");
    const date = await generate(page, { regex: "20\\d{2}-(0[1-9]|1[0-2])" });
    assert.match(date.text, /^20\d\d-(0[1-9]|1[0-2])$/);
    const listed = await generate(page, { grammar: 'start: "a" ("," /[b-d]/)~2' });
    assert.match(listed.text, /^a,[b-d],[b-d]$/);
  });

  test("what cannot be used is refused, and the engine works on", minutes(5), async () => {
    const { page } = await judgeOn("wasm");
    const chain = (i) => ({ properties: { next: { $ref: `#/$defs/d${i + 1}` } } });
    const $defs = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`d${i}`, chain(i)]));
    const table = [
      [{ jsonSchema: { type: "frobnicate" } }, /constraint\.jsonSchema.*frobnicate/],
      // These would overflow the stack.
      [{ jsonSchema: { ...chain(-1), $defs: { ...$defs, d1000: {} } } }, /64 levels deep/],
      [{ grammar: "start: " + "(".repeat(399) }, /constraint\.grammar.*too deeply nested/s],
      [{ regex: "(".repeat(8000) }, /constraint\.regex/],
      [{ regex: "a*".repeat(4096) }, /constraint\.regex/],
    ];
    for (const [constraint, expected] of table) {
      const { code, message } = await generate(page, constraint);
      assert.equal(code, "invalid-argument", message);
      assert.match(message, expected);
    }
    assert.equal((await generate(page, { regex: "fine" })).text, "fine");
  });
});
