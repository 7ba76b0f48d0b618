// autoevals' own classifiers with our client, and our scorers.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Battle, Factuality, init, LLMClassifierFromTemplate } from "autoevals";
import { createBattle, createScorer } from "lunette/autoevals";
import { createOpenAI } from "lunette/openai";
import { LABELS, minutes, near, refused, SCALE } from "./common.mjs";
import { judge } from "./session.mjs";

const client = createOpenAI(judge);
const task = { input: "What is the capital of France?", output: "Paris", expected: "It is Paris." };

describe("autoevals", () => {
  test("a classifier from a template", minutes(3), async () => {
    const choiceScores = { A: 1, B: 0.5, C: 0 };
    const promptTemplate = "Is {{output}} the answer to {{input}}? A: yes, B: nearly, C: no.";
    const scorer = LLMClassifierFromTemplate({ name: "Right", promptTemplate, choiceScores, useCoT: false });
    const { name, score, metadata } = await scorer({ ...task, client, model: "lunette" });
    assert.equal(name, "Right");
    assert.equal(score, choiceScores[metadata.choice]);
  });

  test("its own classifiers, with the client set once", minutes(3), async () => {
    init({ client, defaultModel: "lunette" });
    try {
      // A small model does not end its chain of thought. A text that was cut is an error, never a score.
      await assert.rejects(Factuality({ ...task, maxTokens: 4 }), /JSON/);
      const battle = await Battle({ instructions: "Say hi.", output: "Hi!", expected: "No.", useCoT: false });
      assert.equal(battle.name, "Battle");
      assert.ok(battle.score >= 0 && battle.score <= 1);
    } finally {
      init();
    }
  });

  test("parameters that cannot be met are not dropped", minutes(1), async () => {
    const scorer = LLMClassifierFromTemplate({ name: "x", promptTemplate: "x", choiceScores: { A: 1, B: 0 } });
    await refused(
      () => scorer({ ...task, client, model: "lunette", reasoningEffort: "low" }),
      "invalid-argument",
      /reasoning_effort/,
    );
  });

  test("createScorer: the expected place on the scale", minutes(3), async () => {
    const scorer = createScorer(judge, SCALE, { name: "Right", maxTokens: 8 });
    assert.equal(scorer.name, "Right");
    const { name, score, metadata } = await scorer(task);
    const verdict = await judge.score(
      { input: task.input, response: task.output, reference: task.expected, rubric: SCALE },
      { maxTokens: 8 },
    );
    assert.equal(name, "Right");
    near(score, (verdict.expected - 1) / 2, 1e-3, "score");
    assert.equal(metadata.choice, String(verdict.score));
    assert.equal(metadata.rationale, verdict.critique);
    near(metadata.distribution[3], verdict.distribution[3], 1e-3, "p(3)");
    near(metadata.outside, verdict.outside, 1e-3, "outside");
  });

  test("createScorer: what the label is worth", minutes(3), async () => {
    const rubric = { ...LABELS, choiceScores: { Yes: 0.75, No: 0.25 } };
    const { score, metadata } = await createScorer(judge, rubric, { critique: false })({
      output: "Paris",
      expected: null,
    });
    assert.equal(score, rubric.choiceScores[metadata.choice]);
    assert.equal(metadata.rationale, null);
    const likeliest = metadata.distribution.Yes > metadata.distribution.No ? "Yes" : "No";
    assert.equal(metadata.choice, likeliest);
  });

  test("createBattle: how probably the output is the better one", minutes(3), async () => {
    const battle = createBattle(judge, { critique: false });
    assert.equal(battle.name, "Battle");
    const args = { instructions: "Say hi.", output: "Hi there!", expected: "No." };
    const won = await battle(args);
    const lost = await battle({ ...args, output: args.expected, expected: args.output });
    near(won.score + lost.score, 1, 1e-3, "both ways");
    assert.equal(won.metadata.choice, won.score > 0.5 ? "output" : "expected");
    assert.equal(typeof won.metadata.consistent, "boolean");
    await refused(() => battle({ output: "Hi!", instructions: "Say hi." }), "invalid-argument", /args\.expected/);
    await refused(async () => createBattle(judge, { rubricOrders: 2 }), "invalid-argument", /options\.rubricOrders/);
  });
});
