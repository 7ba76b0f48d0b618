// The evaluation of a data set on the built demo page, with the default model.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assertAccessible, bringAxe } from "./accessible.mjs";
import { root } from "./lib.mjs";
import { minutes, once } from "./session.mjs";
import { assertNoSideways, JUDGED, load, part, visit } from "./visitor.mjs";

const DIST = join(root, "www/dist");
const ROWS = 24;
/** A calibration takes ten labels. */
const LABELLED = 12;

/** Column names that nobody guesses, and a row that ends early. */
function table() {
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const right = i % 2 === 0;
    return `${i} + ${i}?,${right ? i + i : i + i + 1},${i < LABELLED ? (right ? 5 : 1) : ""}`;
  });
  return ["asked,said,people", ...rows, "9 + 9?"].join("\n");
}

async function drop(page, name, text) {
  const files = await page.evaluateHandle(
    ([name, text]) => {
      const files = new DataTransfer();
      files.items.add(new File([text], name));
      return files;
    },
    [name, text],
  );
  await part(page, "drop").dispatchEvent("drop", { dataTransfer: files });
}

async function openEvaluate(page) {
  await part(page, "tab-evaluate").click();
  await part(page, "evaluate").waitFor();
}

async function openView(page, view) {
  await part(page, `view-${view}`).click();
}

/** Drops the table, and says what its columns are. */
async function choose(page) {
  await openEvaluate(page);
  await drop(page, "sums.csv", table());
  await part(page, "data-status").filter({ hasText: "sums.csv" }).waitFor();
  for (const [field, column] of Object.entries({ input: "asked", response: "said", label: "people" })) {
    await part(page, `map-${field}`).selectOption(column);
    await part(page, "data-status").filter({ hasText: "sums.csv" }).waitFor();
  }
}

async function finished(page) {
  await part(page, "run-status").filter({ hasText: "Every row is judged." }).waitFor({ timeout: JUDGED });
}

/** The text of what a button of the export saves. */
async function exported(page, id) {
  await openView(page, "export");
  const saving = page.waitForEvent("download");
  await part(page, `export-${id}`).click();
  return readFile(await (await saving).path(), "utf8");
}

const linesOf = (text) =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

/** What is kept of a run on this machine. */
const kept = (page, table) =>
  page.evaluate(
    (table) =>
      new Promise((done, fail) => {
        const opening = globalThis.indexedDB.open("lunette-evaluation");
        opening.onerror = () => fail(opening.error);
        opening.onsuccess = () => {
          const reading = opening.result.transaction(table).objectStore(table).getAll();
          reading.onsuccess = () => {
            opening.result.close();
            done(reading.result);
          };
        };
      }),
    table,
  );

/** A page whose run was paused, closed, opened again and finished: with its results, and those of before. */
const resumed = once(async () => {
  const { page: first, context, troubles } = await visit();
  await choose(first);
  await load(first);
  await part(first, "evaluate-button").click();
  await part(first, "run-figures")
    .filter({ hasText: /^([1-9]|1\d|2[0-3]) of 25 rows/ })
    .waitFor({ timeout: JUDGED });
  await part(first, "pause").click();
  await part(first, "proceed").waitFor();
  const before = await kept(first, "results");
  await first.close();

  const { page, troubles: later } = await visit({ context });
  await openEvaluate(page);
  await part(page, "proceed")
    .filter({ hasText: `(${before.length} of 25)` })
    .waitFor();
  await load(page);
  await part(page, "proceed").click();
  await finished(page);
  return { page, context, before, troubles: [...troubles, ...later], close: () => context.close() };
});

describe("evaluating a data set on the page", () => {
  test("columns are mapped, and rows that cannot be judged say why", minutes(2), async () => {
    const { page, context, troubles } = await visit();
    await openEvaluate(page);
    await drop(page, "sums.csv", table());
    await part(page, "data-status").filter({ hasText: "sums.csv" }).waitFor();
    assert.match(await part(page, "bad-rows").innerText(), /25 rows that cannot be judged/);
    await choose(page);
    assert.match(await part(page, "data-status").innerText(), /CSV, columns; 25 rows; 12 rows with human labels/);
    assert.match(await part(page, "bad-rows").innerText(), /line 26\b/);
    assert.match(await part(page, "preview").locator("li").nth(1).innerText(), /1 \+ 1\?.*3.*1/s);
    await drop(page, "picture.csv", "PAR1");
    await part(page, "error").filter({ hasText: "Parquet" }).waitFor();
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a closed tab loses nothing, and nothing is judged twice", minutes(12), async () => {
    const { page, before, troubles } = await resumed();
    assert.ok(before.length > 0 && before.length < 25, `${before.length} rows before the pause`);
    const results = linesOf(await exported(page, "results"));
    assert.equal(results.length, 25);
    const early = results.filter(({ row }) => before.some((result) => result.row === row));
    // The texts are kept once, in the data.
    assert.deepEqual(
      early.map((result) => ({ ...result, task: {} })),
      before,
    );
    assert.deepEqual(early[0].task, { input: "0 + 0?", response: "0" });
    assert.equal(results[24].error.code, "invalid-row");

    const { page: other, context } = await visit();
    await choose(other);
    await load(other);
    await part(other, "evaluate-button").click();
    await finished(other);
    const straight = linesOf(await exported(other, "results"));
    for (const [i, result] of straight.slice(0, ROWS).entries()) {
      const [one, two] = [result, results[i]].map(({ verdicts }) => verdicts.correctness);
      assert.ok(Math.abs(one.expected - two.expected) < 0.01, `row ${i}: ${one.expected} and ${two.expected}`);
    }
    await context.close();
    assert.deepEqual(troubles, []);
  });

  test("agreement is told in words, with a range and beside a baseline", minutes(12), async () => {
    const { page } = await resumed();
    await openView(page, "agreement");
    const words = await part(page, "agreement-words").innerText();
    assert.match(
      words,
      /^Agrees with people in \d+% (\[\d+%, \d+%\] )?of 12 rows; always saying “[15]” would agree in 50%\./,
    );
    assert.equal(await part(page, "confusion").locator("tbody tr").count(), 5);
    assert.ok((await part(page, "reliability").locator("circle").count()) > 0);
    assert.equal(await part(page, "worst").locator("li article").count(), 5);
    await openView(page, "rows");
    await part(page, "row-filter").selectOption("failed");
    await part(page, "row-count").filter({ hasText: "1 of 25 rows" }).waitFor();
    await part(page, "row-filter").selectOption("all");
    await part(page, "row-search").fill("11 + 11");
    await part(page, "row-count").filter({ hasText: "1 of 25 rows" }).waitFor();
    await part(page, "row").click();
    assert.match(await part(page, "judge-said").innerText(), /[1-5]/);
    assert.equal(await part(page, "request-count").innerText(), "0 requests since the judge was loaded");
  });

  test("labels are given with the keyboard, blind, and outlive the page", minutes(12), async () => {
    const { page, context } = await resumed();
    await openView(page, "label");
    assert.equal(await part(page, "label-left").innerText(), "12 to go");
    await part(page, "choice").first().focus();
    assert.equal(await part(page, "reveal").count(), 0, "the verdict is hidden");
    await page.keyboard.press("4");
    assert.match(await part(page, "reveal").innerText(), /The judge says/);
    await part(page, "growth").filter({ hasText: "of 1 row" }).waitFor();
    await page.keyboard.press("u");
    assert.equal(await part(page, "label-left").innerText(), "12 to go");
    for (const key of ["5", "Enter", "s", "2", "Enter"]) await page.keyboard.press(key);
    assert.equal(await part(page, "label-left").innerText(), "10 to go");
    await part(page, "growth").filter({ hasText: "of 2 rows" }).waitFor();
    assert.deepEqual(await kept(page, "labels"), [{ correctness: 5 }, { correctness: 2 }]);
    const again = await visit({ context });
    await openEvaluate(again.page);
    const labelled = linesOf(await exported(again.page, "labels"));
    assert.deepEqual([labelled[12].label, labelled[14].label], [5, 2]);
    await again.page.close();
  });

  test("a calibration is fitted, held out, and applied without judging again", minutes(12), async () => {
    const { page } = await resumed();
    await openView(page, "calibrate");
    await part(page, "fit").click();
    assert.match(await part(page, "calibration-words").innerText(), /off by \d\.\d\d points in the place of \d\.\d\d/);
    await part(page, "apply-calibration").click();
    await part(page, "calibration-applied").waitFor({ timeout: 20_000 });
    await finished(page);
    const [first] = linesOf(await exported(page, "results"));
    assert.ok(first.verdicts.correctness.calibrated >= 1 && first.verdicts.correctness.calibrated <= 5);
  });

  test("reports are exported in every form", minutes(12), async () => {
    const { page } = await resumed();
    assert.match(await exported(page, "html"), /^<!doctype html>/i);
    assert.match(await exported(page, "markdown"), /^# /);
    assert.match(await exported(page, "junit"), /<testsuites?\b/);
    assert.equal((await exported(page, "csv")).trimEnd().split("\n").length, 26);
    assert.equal(JSON.parse(await exported(page, "json")).sections[0].rubric, "correctness");
  });

  test("axe finds no violation, light or dark, and nothing is too wide", minutes(12), async () => {
    const { page } = await resumed();
    await bringAxe(page);
    for (const view of ["agreement", "rows", "label", "calibrate", "export"]) {
      await openView(page, view);
      if (view === "agreement") await part(page, "figures").locator("summary").click();
      if (view === "label") {
        await part(page, "choice").first().focus();
        await page.keyboard.press("3");
        await part(page, "reveal").waitFor();
      }
      await assertAccessible(page, view);
      for (const width of [360, 768, 1440]) {
        await page.setViewportSize({ width, height: 900 });
        await assertNoSideways(page);
      }
    }
    await part(page, "leave").click();
    await part(page, "evaluate-button").waitFor();
    for (const task of ["classify", "compare", "score"]) {
      await part(page, "task").selectOption(task);
      await assertAccessible(page, `${task} before a run`);
      await page.setViewportSize({ width: 360, height: 900 });
      await assertNoSideways(page);
    }
    await drop(page, "other.csv", "question,answer\nWho?,Me.\n");
    await part(page, "data-status").filter({ hasText: "other.csv" }).waitFor();
    await part(page, "back-to-run").click();
    await openView(page, "rows");
    await part(page, "row-count").filter({ hasText: "of 25 rows" }).waitFor();
  });

  test("pairs have a leaderboard, and kinds of rows figures of their own", minutes(8), async () => {
    const { page, context, troubles } = await visit();
    await openEvaluate(page);
    await part(page, "task").selectOption("compare");
    const pairs = ["moon,tide,sums,1", "tide,star,sums,2", "star,moon,facts,1", "moon,star,facts,2"];
    const rows = pairs.map((pair, i) => `${i} + ${i}?,${2 * i},${2 * i + 1},${pair}`);
    rows[0] = rows[0].replace(/1$/, "left one");
    await drop(page, "pairs.csv", ["question,answer_1,answer_2,model_1,model_2,category,human", ...rows].join("\n"));
    await part(page, "data-status").filter({ hasText: "4 rows with human labels" }).waitFor();
    assert.equal(await part(page, "map-systemA").inputValue(), "model_1");
    assert.equal(await part(page, "map-slice").inputValue(), "category");
    assert.equal(await part(page, "error").count(), 0, "the data is not taken for a model");
    await part(page, "meaning-left one").selectOption("a");
    await load(page);
    await part(page, "evaluate-button").click();
    await finished(page);
    await part(page, "agreement-words").filter({ hasText: "of 4 rows" }).waitFor();
    const systems = await part(page, "leaderboard").locator("tbody th bdi").allInnerTexts();
    assert.deepEqual(systems.sort(), ["moon", "star", "tide"]);
    assert.deepEqual(await part(page, "slices").locator("tbody th").allInnerTexts(), ["sums", "facts"]);
    await bringAxe(page);
    await assertAccessible(page, "a leaderboard");
    for (const width of [360, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await assertNoSideways(page);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a run is forgotten on request", minutes(12), async () => {
    const { page } = await resumed();
    await part(page, "forget").click();
    await part(page, "forget-really").click();
    await part(page, "evaluate-button").waitFor();
    await page.waitForFunction(async () => (await globalThis.indexedDB.databases()).length === 0);
  });

  test("a browser that keeps nothing says so, and the run goes on", minutes(6), async () => {
    const { page, context } = await visit();
    await page.addInitScript(() => {
      globalThis.IDBFactory.prototype.open = () => {
        throw new globalThis.DOMException("refused", "SecurityError");
      };
    });
    await page.reload();
    await openEvaluate(page);
    await part(page, "error").filter({ hasText: "This browser keeps nothing for this page" }).waitFor();
    await drop(page, "two.csv", "question,answer,human\n1 + 1?,2,5\n2 + 2?,5,1\n");
    await part(page, "data-status").filter({ hasText: "2 rows with human labels" }).waitFor();
    await load(page);
    await part(page, "evaluate-button").click();
    await finished(page);
    await part(page, "agreement-words").filter({ hasText: "of 2 rows" }).waitFor();
    await context.close();
  });

  test("its code waits until the tab is opened, and is there offline", () => {
    const scripts = readdirSync(join(DIST, "assets")).filter((file) => /^Evaluate-.*\.js$/.test(file));
    assert.equal(scripts.length, 1);
    assert.ok(!readFileSync(join(DIST, "index.html"), "utf8").includes(scripts[0]));
    assert.ok(readFileSync(join(DIST, "offline.js"), "utf8").includes(scripts[0]));
  });
});
