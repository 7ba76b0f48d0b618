// `lunette/promptfoo` in real runs of `promptfoo eval`.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { LABELS, minutes, MODEL, near, SCALE } from "./common.mjs";
import { examples, folder } from "./guide.mjs";

const home = join(import.meta.dirname, "promptfoo");
const program = join(home, "node_modules/promptfoo/dist/src/entrypoint.js");
const compiler = join(import.meta.dirname, "node_modules/typescript/bin/tsc");
const state = mkdtempSync(join(tmpdir(), "promptfoo-"));
after(() => rmSync(state, { recursive: true }));

/** Versions of Node for which promptfoo's database has prebuilt binaries. */
const here = process.platform === "linux" && process.arch === "x64";
const skip = here ? false : "promptfoo's database is only installed on Linux on x86-64";

/** Runs `promptfoo eval` over a configuration; returns its exit code, what it printed and what it wrote. */
async function evaluate(config, files = {}) {
  const at = folder(home);
  for (const [name, text] of Object.entries({ ...files, "promptfooconfig.yaml": config })) {
    writeFileSync(join(at, name), text);
  }
  const args = [program, "eval", "--no-cache", "--no-write", "--no-progress-bar", "--output", "results.json"];
  const env = {
    ...process.env,
    NODE_OPTIONS: "",
    PROMPTFOO_CONFIG_DIR: state,
    PROMPTFOO_DISABLE_TELEMETRY: "1",
    PROMPTFOO_DISABLE_UPDATE: "1",
    PROMPTFOO_DISABLE_REMOTE_GENERATION: "1",
  };
  const child = spawn(process.execPath, args, { cwd: at, env });
  let printed = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => (printed += data));
  const code = await new Promise((resolve) => child.on("close", resolve));
  let results;
  try {
    ({ results } = JSON.parse(readFileSync(join(at, "results.json"), "utf8")).results);
  } catch (error) {
    assert.fail(`${error}\n${printed}`);
  }
  // They come in the order of completion.
  return { code, printed, results: results.sort((a, b) => a.testIdx - b.testIdx) };
}

const json = (config) => JSON.stringify(config);
const load = { backend: "wasm" };
const provider = { id: "package:lunette/promptfoo:LunetteProvider", config: { model: MODEL, load, maxTokens: 6 } };
const assertion = (config) => ({
  type: "javascript",
  value: "package:lunette/promptfoo:assertRubric",
  config: { model: MODEL, load, critique: false, ...config },
});

describe("promptfoo", { skip }, () => {
  test("its types are met", minutes(2), async () => {
    const child = spawn(process.execPath, [compiler, "--project", home], { stdio: "inherit" });
    assert.equal(await new Promise((resolve) => child.on("close", resolve)), 0);
  });

  test("the guide's configuration: provider and assertion", minutes(4), async () => {
    const [config] = examples("adapters.md", "yaml");
    const { code, results, printed } = await evaluate(config);
    assert.equal(results.length, 1, printed);
    const [{ response, gradingResult, namedScores, provider }] = results;
    assert.equal(response.tokenUsage.numRequests, 1);
    assert.ok(response.output.length > 0 && response.tokenUsage.completion <= 16);
    assert.equal(provider.id, "package:lunette/promptfoo:LunetteProvider");
    const [graded] = gradingResult.componentResults;
    assert.deepEqual(Object.keys(namedScores), ["right", "polite"]);
    near(graded.score, (namedScores.right + namedScores.polite) / 2, 1e-9, "the mean");
    const [right, polite] = graded.componentResults;
    near(right.score, namedScores.right, 1e-9, "right");
    assert.equal(polite.score, { Yes: 1, No: 0.25 }[polite.metadata.choice]);
    const { distribution, outside } = right.metadata;
    near(
      Object.values(distribution).reduce((sum, p) => sum + p, outside),
      1,
      1e-3,
      "the distribution",
    );
    near(right.score, (distribution[2] + 2 * distribution[3]) / 2 / (1 - outside), 1e-3, "the expected score");
    assert.equal(graded.pass, namedScores.right >= 0.2 && namedScores.polite >= 0.2);
    assert.equal(code, graded.pass ? 0 : 100);
  });

  test("thresholds decide, errors are no failures, and a file may export the provider", minutes(4), async () => {
    const low = assertion({ rubric: SCALE, threshold: 0 });
    const high = assertion({ rubric: LABELS, threshold: 1 });
    const wrong = assertion({ rubric: { objective: "?" } });
    const vars = assertion({ rubric: SCALE, vars: { reference: "answer" } });
    const { results, printed } = await evaluate(
      json({
        prompts: ['[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say hi."}]'],
        providers: [{ id: "file://provider.mjs", label: "ours", config: provider.config }],
        tests: [low, high, wrong, vars].map((assert) => ({ assert: [assert] })),
      }),
      { "provider.mjs": 'export { default } from "lunette/promptfoo";\n' },
    );
    assert.equal(results.length, 4, printed);
    assert.equal(results[0].success, true);
    assert.match(results[0].gradingResult.componentResults[0].reason, /^The verdict is [123], with a probability of 0/);
    const [{ pass, score }] = results[1].gradingResult.componentResults;
    assert.equal(pass, score === 1);
    assert.equal(results[0].response.output, results[1].response.output);
    for (const [result, pattern] of [
      [results[2], /config\.rubric\.scale/],
      [results[3], /config\.vars names answer, but the test has no such variable/],
    ]) {
      assert.match(result.error, pattern);
      // 2 is an error; 1 would be a failed assertion.
      assert.equal(result.failureReason, 2, JSON.stringify(result));
    }
  });

  test("a run has the report of an evaluation", minutes(4), async () => {
    const { promptfooReport } = await import("lunette/promptfoo");
    const rubrics = { right: LABELS, brief: { ...LABELS, objective: "Is it brief?" } };
    const graded = { assert: [assertion({ rubrics })] };
    const { results, printed } = await evaluate(
      json({
        prompts: ["Say {{word}}."],
        providers: [provider],
        tests: ["hi", "ho"].map((word) => ({ vars: { word }, ...graded })),
      }),
    );
    assert.equal(results.length, 2, printed);
    // What promptfoo's view adds when a person rates a response.
    results.forEach(({ gradingResult }, i) =>
      gradingResult.componentResults.push({ pass: i === 0, score: 1, reason: "", assertion: { type: "human" } }),
    );
    const spec = { task: "classify", rubrics: [{ name: "right", rubric: LABELS }] };
    const { sections, rows } = await promptfooReport({ results: { results } }, spec, { resamples: 0 });
    assert.deepEqual([sections[0].counts.rows, sections[0].counts.failed, sections[0].counts.compared], [2, 0, 2]);
    for (const [i, row] of rows.entries()) {
      const [{ metadata }] = results[i].gradingResult.componentResults[0].componentResults;
      assert.deepEqual(row.verdict, { label: metadata.choice, distribution: metadata.distribution });
      assert.deepEqual(row.human, [i === 0 ? "Yes" : "No"]);
      assert.deepEqual(row.shown.responses, [results[i].response.output]);
    }
    const other = { task: "classify", rubrics: [{ name: "polite", rubric: LABELS }] };
    assert.equal((await promptfooReport({ results }, other)).sections[0].counts.failed, 2);
    await assert.rejects(promptfooReport({}, spec), { code: "invalid-argument" });
  });

  test("a provider that cannot answer says why", minutes(4), async () => {
    const none = { ...provider, label: "none", config: { ...provider.config, model: "./none.gguf" } };
    const { results } = await evaluate(json({ prompts: ["Say hi."], providers: [none], tests: [{ vars: {} }] }));
    assert.match(results[0].error, /^source: .*none\.gguf/);
    const misspelt = { ...provider, config: { ...provider.config, maxToken: 1 } };
    const failed = evaluate(json({ prompts: ["Say hi."], providers: [misspelt], tests: [{ vars: {} }] }));
    await assert.rejects(failed, /config\.maxToken is not supported/);
  });

  test("promptfoo's own rubric, graded by the provider under its schema", minutes(4), async () => {
    const jsonSchema = {
      type: "object",
      properties: {
        reason: { type: "string", maxLength: 12 },
        score: { enum: [0, 0.5, 1] },
        pass: { type: "boolean" },
      },
      required: ["reason", "score", "pass"],
      additionalProperties: false,
    };
    const grader = { ...provider, config: { ...provider.config, maxTokens: 60, constraint: { jsonSchema } } };
    const { results, printed } = await evaluate(
      json({
        prompts: ["Say hi."],
        providers: [provider],
        defaultTest: { options: { provider: grader } },
        tests: [{ assert: [{ type: "llm-rubric", value: "It says hi." }] }],
      }),
    );
    const [{ score, reason }] = results[0].gradingResult.componentResults;
    assert.ok([0, 0.5, 1].includes(score), printed);
    assert.ok(reason.length <= 12, reason);
  });
});
