// openevals' own judge with our client, and our evaluators.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createOpenAI } from "lunette/openai";
import { createJudgeEvaluator } from "lunette/openevals";
import { CORRECTNESS_PROMPT, createLLMAsJudge } from "openevals";
import { LABELS, minutes, near, refused, SCALE } from "./common.mjs";
import { judge } from "./session.mjs";

const client = createOpenAI(judge, { maxTokens: 60 });
const task = { inputs: "What is the capital of France?", outputs: "Paris", referenceOutputs: "Paris" };

describe("openevals", () => {
  test("createLLMAsJudge: a boolean", minutes(3), async () => {
    const evaluator = createLLMAsJudge({
      prompt: "Is {outputs} right for {inputs}?",
      judge: client,
      model: "lunette",
      useReasoning: false,
    });
    const result = await evaluator(task);
    assert.equal(result.key, "score");
    assert.equal(typeof result.score, "boolean");
  });

  test("createLLMAsJudge: choices, with its own prompt, a system message and an example", minutes(3), async () => {
    const evaluator = createLLMAsJudge({
      prompt: CORRECTNESS_PROMPT,
      system: "Be strict.",
      judge: client,
      model: "lunette",
      feedbackKey: "correctness",
      choices: [0, 0.5, 1],
      useReasoning: false,
      fewShotExamples: [{ inputs: "1 + 1", outputs: "2", score: 1 }],
    });
    const result = await evaluator(task);
    assert.equal(result.key, "correctness");
    assert.ok([0, 0.5, 1].includes(result.score), JSON.stringify(result));
  });

  test("createLLMAsJudge: a schema of one's own", minutes(3), async () => {
    const outputSchema = {
      title: "verdict",
      type: "object",
      properties: { reason: { type: "string", maxLength: 20 }, label: { enum: ["good", "bad"] } },
      required: ["reason", "label"],
    };
    const evaluator = createLLMAsJudge({ prompt: "Judge {outputs}", judge: client, model: "lunette", outputSchema });
    const { reason, label } = await evaluator(task);
    assert.ok(typeof reason === "string" && ["good", "bad"].includes(label));
  });

  test("a failure is an error, not a score", minutes(3), async () => {
    const cut = createLLMAsJudge({
      prompt: "Judge {outputs}",
      judge: createOpenAI(judge, { maxTokens: 3 }),
      model: "lunette",
    });
    await assert.rejects(cut(task), /JSON/);
  });

  test("createJudgeEvaluator: the judge's verdict as a result", minutes(3), async () => {
    const evaluator = createJudgeEvaluator(judge, SCALE, { feedbackKey: "right", maxTokens: 8 });
    const result = await evaluator(task);
    const verdict = await judge.score(
      { input: task.inputs, response: task.outputs, reference: task.referenceOutputs, rubric: SCALE },
      { maxTokens: 8 },
    );
    assert.equal(result.key, "right");
    near(result.score, (verdict.expected - 1) / 2, 1e-3, "score");
    assert.equal(result.comment, verdict.critique);
    assert.equal(result.metadata.choice, String(verdict.score));
    assert.deepEqual(Object.keys(result.metadata.distribution), ["1", "2", "3"]);
  });

  test(
    "createJudgeEvaluator: labels, values that are no text, and no comment without a critique",
    minutes(3),
    async () => {
      const evaluator = createJudgeEvaluator(judge, LABELS, { critique: false });
      const outputs = { answer: "Paris" };
      const result = await evaluator({
        inputs: { question: "?" },
        outputs,
        reference_outputs: outputs,
        context: ["Paris."],
      });
      const rubric = LABELS;
      const verdict = await judge.classify(
        {
          input: '{"question":"?"}',
          response: '{"answer":"Paris"}',
          reference: '{"answer":"Paris"}',
          context: ["Paris."],
          rubric,
        },
        { critique: false },
      );
      assert.equal(result.score, verdict.label === "Yes" ? 1 : 0);
      near(result.metadata.distribution.Yes, verdict.distribution.Yes, 1e-3, "p(Yes)");
      assert.ok(!("comment" in result));
    },
  );

  test("what is wrong is refused by its name", minutes(1), async () => {
    const make = (...args) => refused(async () => createJudgeEvaluator(...args), "invalid-argument", args.at(-1));
    const labels = { good: "It is.", bad: "It is not." };
    await make({}, SCALE, {}, /judge must be a Judge/);
    await make(judge, { objective: "?" }, {}, /rubric\.scale/);
    await make(judge, { ...SCALE, ...LABELS }, {}, /rubric must have a scale or labels/);
    await make(judge, { objective: "?", labels }, {}, /rubric\.choiceScores must be an object/);
    await make(judge, { objective: "?", labels, choiceScores: { good: 1 } }, {}, /rubric\.choiceScores\.bad/);
    await make(judge, { objective: "?", labels, choiceScores: { good: 1, bad: 0, ugly: 0 } }, {}, /ugly/);
    await make(judge, { objective: "?", labels, choiceScores: { good: 2, bad: 0 } }, {}, /from 0 to 1/);
    await make(judge, SCALE, { critic: false }, /options\.critic is not supported/);
    const evaluator = createJudgeEvaluator(judge, SCALE);
    await refused(() => evaluator({ inputs: "?" }), "invalid-argument", /params\.outputs/);
    const loop = {};
    loop.loop = loop;
    await refused(() => evaluator({ outputs: loop }), "invalid-argument", /params\.outputs cannot be written as JSON/);
  });
});
