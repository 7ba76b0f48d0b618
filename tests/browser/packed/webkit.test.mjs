// The wasm backend in WebKit, and the page. WebKitGTK has neither WebGPU nor a file system for pages.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { test } from "node:test";
import { By, until } from "selenium-webdriver";
import { isolation, model, startServer } from "../lib.mjs";
import { divergence } from "../numbers.mjs";
import { reference } from "../reference.mjs";
import { minutes, once } from "../session.mjs";
import { project } from "../tarball.mjs";
import { serve } from "./serve.mjs";
import { isGolden, task } from "./spider.mjs";
import { launchWebkit } from "./webkit.mjs";

const KL_LIMIT = 1e-4;

const webkit = once(launchWebkit);
const app = once(async () => serve(await project("in-webkit", "script-tag")));

/** Runs the body of an async function in the page of the example, with `lunette` imported. Its errors are thrown here. */
async function run(body, ...values) {
  const { driver } = await webkit();
  const code = `const [done, values] = [arguments[arguments.length - 1], [...arguments].slice(0, -1)];
    import("lunette").then(async (lunette) => { ${body} })
      .then((value) => done({ value }), (error) => done({ error: error.code + ": " + error.message }));`;
  const { value, error } = await driver.executeAsyncScript(code, ...values);
  if (error !== undefined) throw new Error(error);
  return value;
}

const LOAD = `const judge = await lunette.Judge.load("models/" + values[0], { backend: "wasm", ...values[1] });`;

test("WebKit reaches the verdict too", minutes(5), async (t) => {
  const { driver } = await webkit();
  const capabilities = await driver.getCapabilities();
  t.diagnostic(`${capabilities.getBrowserName()} ${capabilities.getBrowserVersion()}`);
  await driver.get((await app()).url);
  // The driver does not wait for the page's module, which listens to the button.
  await run("");
  await driver.findElement(By.css("button")).click();
  const output = await driver.findElement(By.css("output"));
  await driver.wait(until.elementTextMatches(output, /\S/), 4 * 60_000);
  const text = await output.getText();
  assert.match(text, /^\{/, text);
  isGolden(JSON.parse(text));
});

test("logits are llama.cpp's, and every task has its verdict", minutes(5), async () => {
  const { driver } = await webkit();
  await driver.get((await app()).url);
  const found = await run(
    `${LOAD}
    const [, , tokens, task] = values;
    const logits = Array.from(await judge.engine.logits(new Uint32Array(tokens)));
    const { input, response, rubric } = task;
    const score = await judge.score(task, { maxTokens: 24 });
    const labels = { Yes: "It is right.", No: "It is not." };
    const label = await judge.classify({ input, response, rubric: { objective: rubric.objective, labels } });
    const better = await judge.compare({ input, responseA: response, responseB: "Eight.", criteria: rubric.objective });
    await judge.dispose();
    return { logits, score, label, better };`,
    basename(model),
    {},
    reference.tokens("short"),
    task,
  );
  const kl = divergence(reference.logits("short"), found.logits);
  assert.ok(kl <= KL_LIMIT, `KL ${kl}`);
  assert.ok(found.score.critique.length > 20);
  assert.deepEqual(Object.keys(found.label.distribution).sort(), ["No", "Yes"]);
  assert.equal(found.better.orders.length, 2);
});

test("without a place for files a model loads, and one is told so", minutes(5), async () => {
  const { driver } = await webkit();
  await driver.get((await app()).url);
  const found = await run(
    `const notes = [];
    const onProgress = ({ note }) => notes.push(note);
    ${LOAD.replace("...values[1]", "onProgress")}
    await judge.dispose();
    const listed = await lunette.Models.list().catch((error) => [error.code, error.message]);
    return { notes, listed, storage: navigator.storage !== undefined };`,
    basename(model),
  );
  assert.equal(found.storage, false, "WebKitGTK stores files now: test that");
  assert.ok(
    found.notes.some((note) => note?.includes("will be downloaded again")),
    found.notes.join(),
  );
  assert.equal(found.listed[0], "source");
  assert.match(found.listed[1], /^Models cannot be kept here/);
});

test("an isolated page without shared memory computes on one thread", minutes(5), async () => {
  const { driver } = await webkit();
  const host = await serve(await project("in-webkit-isolated", "script-tag"), { headers: isolation });
  await driver.get(host.url);
  const found = await run(
    `${LOAD}
    const { threads } = judge.info;
    await judge.dispose();
    return { threads, isolated: crossOriginIsolated };`,
    basename(model),
    { threads: 4 },
  );
  assert.deepEqual(found, { threads: 1, isolated: true });
  host.close();
});

test("the page loads a judge, scores, and says what is not there", minutes(8), async () => {
  const { driver } = await webkit();
  const server = await startServer();
  const part = async (id) => driver.wait(until.elementLocated(By.css(`[data-testid="${id}"]`)), 4 * 60_000);
  await driver.get(`${server.origin}/`);
  await (await part("load")).click();
  await part("judge-facts");
  await (await part("score-button")).click();
  await part("spent");
  assert.match(await (await part("score")).getText(), /^[1-5]$/);
  server.close();
});
