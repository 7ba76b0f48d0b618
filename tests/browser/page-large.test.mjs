// A data set of many rows on the page: how much memory it takes, and whether the page answers meanwhile.

import assert from "node:assert/strict";
import { once as happens } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { watchRenderer } from "./renderer.mjs";
import { minutes, server } from "./session.mjs";
import { temporary } from "./tarball.mjs";
import { part, visit } from "./visitor.mjs";

const ROWS = Number(process.env.LUNETTE_ROWS ?? 100_000);
/** MiB of the page's process, workers and all, above those of an empty page, once it has collected its garbage. */
const MOST = 300;
/**
 * The same at the worst moment, garbage and all: a worker that makes a report has every row as a struct of its own. Measured are
 * some 450, by when the browser collects.
 */
const MOST_AT_ONCE = 600;
/** Milliseconds for which the page may answer nothing. */
const STILL = 2000;

/** A page that notes how long it answers nothing, and what its process takes above an empty page. */
async function watched(context) {
  const { page, context: own, troubles } = await visit({ context });
  await page.goto(`${(await server()).origin}/blank.html`);
  const memory = watchRenderer();
  await page.addInitScript(() => {
    globalThis.still = 0;
    const note = (list) =>
      list.getEntries().forEach(({ duration }) => (globalThis.still = Math.max(globalThis.still, duration)));
    new PerformanceObserver(note).observe({ type: "longtask", buffered: true });
  });
  await page.goto(`${(await server()).origin}/`);
  await part(page, "tab-evaluate").click();
  await part(page, "evaluate").waitFor();
  return { page, context: own, troubles, memory };
}

async function assertLight(page, memory, what) {
  const still = await page.evaluate(() => globalThis.still);
  const peak = memory.peak();
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const needed = memory.now();
  console.log(
    `# ${what}: ${peak.toFixed()} MiB at most, ${needed.toFixed()} MiB needed, still for ${still.toFixed()} ms`,
  );
  assert.ok(needed < MOST, `${needed.toFixed()} MiB`);
  assert.ok(peak < MOST_AT_ONCE, `${peak.toFixed()} MiB at most`);
  assert.ok(still < STILL, `the page answered nothing for ${still.toFixed()} ms`);
}

/** An answer of some four hundred characters. In every third one, some are no Latin-1. */
const answer = (i) =>
  `Answer ${i}. ${i % 3 === 0 ? "“It depends” – " : ""}` +
  "The first thing to look at is what was asked, and whether anything of it is left out. ".repeat(4 + (i % 3));
const question = (i) => `Question ${i}? Say in a few sentences how this is done, and why it is done that way.`;

/** Puts a run of many judged rows where the page keeps its own. */
async function keepLargeRun(rows) {
  const texts = (i) => ({ input: question(i), response: answer(i) });
  const scale = [1, 2, 3].map((score) => ({ score, description: `It is worth ${score}.` }));
  const rubric = { name: "worth", objective: "What is it worth?", levels: scale, labels: [], weight: 1, pass: [] };
  const numbers = Array.from({ length: rows }, (_, i) => i);
  const run = {
    name: "large.jsonl",
    file: new globalThis.Blob(numbers.map((i) => `${JSON.stringify(texts(i))}\n`)),
    map: {},
    form: { task: "score", rubrics: [rubric], critique: false, maxTokens: 128, orders: 1, bothOrders: true },
    total: rows,
    judge: "a judge",
  };
  const result = (row) => {
    const score = 1 + (row % 3);
    const distribution = { 1: 0.2, 2: 0.2, 3: 0.2, [score]: 0.6 };
    const usage = { promptTokens: 100, completionTokens: 0 };
    const verdict = { score, expected: score * 0.6 + 0.8, distribution, outside: 0, critique: null, usage };
    const said = { worth: [1 + ((row * 7) % 3)] };
    // The texts are the data's.
    return { row, line: row + 1, task: {}, labels: said, verdicts: { worth: verdict }, overall: (score - 1) / 2 };
  };
  const opening = globalThis.indexedDB.open("lunette-evaluation");
  await new Promise((done) => (opening.onsuccess = done));
  const kept = ["run", "results"];
  for (let first = 0; first < rows; first += 5000) {
    const change = opening.result.transaction(kept, "readwrite");
    change.objectStore("run").put(run, "run");
    for (const row of numbers.slice(first, first + 5000)) change.objectStore("results").put(result(row), row);
    await new Promise((done) => (change.oncomplete = done));
  }
  opening.result.close();
}

/** The same rows as a table. */
async function writeTable(rows) {
  const path = join(temporary("large"), "large.csv");
  await mkdir(dirname(path), { recursive: true });
  const out = createWriteStream(path);
  out.write("question,answer,human\n");
  for (let i = 0; i < rows; i++) {
    if (!out.write(`"${question(i)}","${answer(i)}",${1 + (i % 5)}\n`)) await happens(out, "drain");
  }
  out.end();
  await happens(out, "finish");
  return path;
}

const count = (n) => n.toLocaleString("en");

describe(`${count(ROWS)} rows on the page`, () => {
  test("a run is opened, told of, scrolled and searched", minutes(6), async () => {
    const { page: first, context } = await visit();
    await part(first, "tab-evaluate").click();
    await part(first, "setup-status").waitFor();
    // In the page, with the functions that it needs: the page's policy forbids it to make any.
    await first.evaluate(`const question = ${question}; const answer = ${answer}; (${keepLargeRun})(${ROWS})`);
    await first.close();

    const { page, memory, troubles } = await watched(context);
    await part(page, "agreement-words")
      .filter({ hasText: `of ${ROWS} rows` })
      .waitFor({ timeout: 120_000 });
    await part(page, "view-rows").click();
    await part(page, "row").first().waitFor();
    assert.ok((await part(page, "row").count()) < 100, "only those in view are in the page");
    const started = Date.now();
    await part(page, "rows").evaluate((list) => (list.scrollTop = list.scrollHeight));
    await page.getByText(`Question ${ROWS - 1}?`).waitFor();
    for (const n of [4321, 77, ROWS - 2]) {
      await part(page, "row-search").fill(`question ${n}?`);
      await part(page, "row-count")
        .filter({ hasText: `1 of ${count(ROWS)} rows` })
        .waitFor();
      await part(page, "row")
        .filter({ hasText: `Question ${n}?` })
        .waitFor();
    }
    const took = Date.now() - started;
    assert.ok(took < 10_000, `${took} ms`);
    await part(page, "row").click();
    assert.match(await part(page, "judge-said").innerText(), /[1-3]/);
    await assertLight(page, memory, "a kept run");
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a table is read, told of and mapped", minutes(4), async () => {
    const table = await writeTable(ROWS);
    const { page, context, memory, troubles } = await watched();
    await part(page, "data-file").setInputFiles(table);
    const told = part(page, "data-status").filter({
      hasText: `${count(ROWS)} rows; ${count(ROWS)} rows with human labels`,
    });
    await told.waitFor({ timeout: 120_000 });
    await part(page, "preview").getByText("Question 0?").waitFor();
    await part(page, "map-reference").selectOption("question");
    await told.waitFor({ timeout: 120_000 });
    await assertLight(page, memory, "a table");
    assert.deepEqual(troubles, []);
    await context.close();
  });
});
