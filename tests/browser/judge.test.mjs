// Every task that needs a model, as an app asks for it, on both backends.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BACKENDS, judgeOn, minutes } from "./session.mjs";

// SwiftShader reads some ten tokens a second: few words, whose prompts begin alike.
const template = `user_template: "{user_input}\\n{assistant_response}\\n{rubric}"`;
const comparing = `user_template: "{user_input}\\n{response_a}\\n{response_b}\\n{criteria}"`;
const input = "Why does ice float?";
const response = "Ice is lighter than water.";
const scale = { 1: "No.", 2: "Yes." };
const rubrics = ["Is it true?", "Is it short?"].map((objective) => ({ objective, scale }));
const labels = { "Fully answered": "It is.", "Partly answered": "In part.", No: "It is not." };

const found = {};

function isDistribution({ distribution, outside }, names) {
  assert.deepEqual(Object.keys(distribution), names);
  const probabilities = [...Object.values(distribution), outside];
  assert.ok(
    probabilities.every((p) => p >= 0 && p <= 1),
    JSON.stringify(distribution),
  );
  const total = probabilities.reduce((a, b) => a + b);
  assert.ok(Math.abs(total - 1) <= 1e-6, `it sums to ${total}`);
}

for (const backend of BACKENDS) {
  describe(`tasks on ${backend}`, () => {
    const run = async (method, task, options) => {
      const { page } = await judgeOn(backend);
      return page.evaluate(([method, task, options]) => judge[method](task, options), [method, task, options]);
    };
    const silent = { critique: false, template };

    test("a response is given one of several labels", minutes(3), async () => {
      const rubric = { objective: "Is it answered?", labels };
      const verdict = await run("classify", { input, response, rubric }, silent);
      isDistribution(verdict, Object.keys(labels));
      assert.equal(verdict.distribution[verdict.label], Math.max(...Object.values(verdict.distribution)));
      found[backend] = { ...found[backend], classify: verdict };
    });

    test("several rubrics are judged at once, as each is alone", minutes(3), async () => {
      const verdicts = await run("scoreMany", { input, response, rubrics }, silent);
      assert.equal(verdicts.length, rubrics.length);
      for (const [i, rubric] of rubrics.entries()) {
        isDistribution(verdicts[i], ["1", "2"]);
        const alone = await run("score", { input, response, rubric }, silent);
        for (const [score, p] of Object.entries(alone.distribution)) {
          assert.ok(Math.abs(verdicts[i].distribution[score] - p) <= 1e-3, `p(${score}) of rubric ${i}`);
        }
      }
      found[backend] = { ...found[backend], score: verdicts[1] };
    });

    test("a swapped comparison is the mirrored one", minutes(3), async () => {
      const task = { input, responseA: response, responseB: "Because it is cold.", criteria: "Which is true?" };
      const options = { critique: false, template: comparing };
      const given = await run("compare", task, options);
      const swapped = await run("compare", { ...task, responseA: task.responseB, responseB: response }, options);
      assert.equal(given.winner, { a: "b", b: "a", tie: "tie" }[swapped.winner]);
      assert.ok(Math.abs(given.probabilityA + swapped.probabilityA - 1) <= 1e-3);
      assert.deepEqual(
        given.orders.map((order) => order.first),
        ["a", "b"],
      );
      assert.equal(typeof given.consistent, "boolean");
    });

    test("critiques are told apart while they are written", minutes(3), async () => {
      const { page } = await judgeOn(backend);
      const { verdicts, heard } = await page.evaluate(
        async ([task, options]) => {
          const heard = task.rubrics.map(() => "");
          const onToken = (text, { index }) => (heard[index] += text);
          return { verdicts: await judge.scoreMany(task, { ...options, onToken }), heard };
        },
        [
          { input, response, rubrics },
          { template, maxTokens: 4 },
        ],
      );
      assert.deepEqual(
        heard.map((text) => text.trim()),
        verdicts.map(({ critique }) => critique),
      );
      assert.ok(heard.every((text) => text.length > 0));
    });

    test("a thought is told apart from the critique", minutes(3), async () => {
      const { page } = await judgeOn(backend);
      const { verdict, heard } = await page.evaluate(
        async ([task, options]) => {
          const heard = { thinking: "", critique: "" };
          const onToken = (text, { part }) => (heard[part] += text);
          return { verdict: await judge.score(task, { ...options, onToken }), heard };
        },
        [
          { input, response, rubric: rubrics[0] },
          {
            template: `${template}\nthinking: { open: <think>, close: </think> }`,
            thinking: { maxTokens: 6 },
            maxTokens: 4,
          },
        ],
      );
      isDistribution(verdict, ["1", "2"]);
      assert.deepEqual([heard.thinking.trim(), heard.critique.trim()], [verdict.thinking, verdict.critique]);
      assert.ok(verdict.thinking.length > 0);
      assert.ok(verdict.usage.completionTokens > 6 && verdict.usage.completionTokens <= 10, "six, and up to four");
    });

    test("a template that would hide the response is refused", minutes(1), async () => {
      const { page } = await judgeOn(backend);
      const { code, message } = await page.evaluate(
        ([task, options]) =>
          judge.score(task, options).then(
            () => ({ code: "it was judged" }),
            ({ code, message }) => ({ code, message }),
          ),
        [{ input, response, rubric: rubrics[0] }, { template: 'user_template: "{user_input} {rubric}"' }],
      );
      assert.equal(code, "invalid-argument");
      assert.match(message, /\{assistant_response\}/);
    });
  });
}

test("both backends say the same of each task", () => {
  for (const task of ["classify", "score"]) {
    const [wasm, webgpu] = BACKENDS.map((backend) => found[backend]?.[task]);
    assert.ok(wasm && webgpu, `each backend reached a verdict on ${task}`);
    for (const [name, p] of Object.entries(wasm.distribution)) {
      assert.ok(Math.abs(webgpu.distribution[name] - p) <= 0.02, `${task}: p(${name})`);
    }
  }
});
