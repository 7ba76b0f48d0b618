// The reports that people read: each opened in a browser, with axe, light and dark, narrow and wide.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assertAccessible, bringAxe } from "./accessible.mjs";
import { root } from "./lib.mjs";
import { browser, minutes, packagePage, server } from "./session.mjs";
import { run, temporary } from "./tarball.mjs";
import { assertNoSideways } from "./visitor.mjs";

const WIDTHS = [390, 1440];
const ROWS = 40;
/** A word that no window is wide enough for, and a text from right to left. */
const LONG = "unbreakable".repeat(20);
const HEBREW = "האם התשובה נכונה?";

const levels = { 1: "Wrong.", 2: "Mostly wrong.", 3: "Half right.", 4: "Right, with a gap.", 5: "Right and complete." };
const labels = { correct: "It is right.", "partly correct": "A part is right.", wrong: "It is wrong." };
const SPECS = {
  score: {
    task: "score",
    rubrics: [
      { name: "correctness", rubric: { objective: "Is the answer correct?", scale: levels }, threshold: 3 },
      { name: "a second rubric, whose name is long", rubric: { objective: HEBREW, scale: levels } },
    ],
  },
  classify: {
    task: "classify",
    rubrics: [{ name: "verdict", rubric: { objective: "Is it right?", labels }, pass: ["correct"] }],
  },
  compare: { task: "compare", rubrics: [{ name: "", rubric: "The response that is more helpful." }] },
};

/** A number from -1 to 1 that looks like chance, and is always the same. */
const chance = (i) => (Math.sin(12.9898 * (i + 1)) * 43758.5453) % 1;
const between = (i) => Math.abs(chance(i));

/** The answers of a rubric with a probability each; `at` moves the likeliest. */
function distribution(names, at) {
  const weights = names.map((_, i) => Math.exp(-1.4 * Math.abs(i - at)));
  const sum = weights.reduce((a, b) => a + b);
  return Object.fromEntries(names.map((name, i) => [name, weights[i] / sum]));
}

const VERDICTS = {
  score(at) {
    const shares = distribution(Object.keys(levels), at * 4);
    const expected = Object.entries(shares).reduce((sum, [score, p]) => sum + score * p, 0);
    return {
      score: 1 + Math.round(at * 4),
      expected,
      distribution: shares,
      critique: "It names the cause, not the date.",
    };
  },
  classify(at) {
    const names = Object.keys(labels);
    return { label: names[Math.round(at * 2)], distribution: distribution(names, at * 2), critique: null };
  },
  compare: (at) => ({ winner: at > 0.5 ? "a" : "b", probabilityA: at, consistent: at > 0.1, critique: null }),
};
const SAID = {
  score: (at) => 1 + Math.round(at * 4),
  classify: (at) => Object.keys(labels)[Math.round(at * 2)],
  compare: (at) => (at > 0.6 ? "a" : at < 0.4 ? "b" : "tie"),
};

/** Results of a judge that is off by `error`: some rows failed, some without a label, some with a text that nothing fits. */
function results(task, error) {
  return Array.from({ length: ROWS }, (_, row) => {
    const truth = between(row);
    const at = Math.min(1, Math.max(0, truth + error * chance(row + 500)));
    const text = [`What is ${row} + ${row}?`, HEBREW, LONG, "<script>alert(1)</script>"][row % 4];
    const responses = { responseA: `It is ${2 * row}.`, responseB: `${LONG} ${row}` };
    const texts =
      task === "compare" ? responses : { response: row % 3 === 0 ? LONG : `It is ${2 * row}.\n\n  Surely.` };
    const place = { row, id: row === 7 ? LONG : `question-${row}`, group: `document ${row % 5}` };
    const systems = ["luna", LONG, "sol"].filter((_, i) => i !== row % 3);
    const kinds = { slice: ["sums", HEBREW][row % 2], ...(task === "compare" && { systems }) };
    const given = { ...place, ...kinds, task: { input: text, ...texts, context: "A passage." } };
    if (row % 13 === 5)
      return { ...given, error: { code: "context-overflow", message: `The texts are too long: ${LONG}` } };
    const said = row % 9 === 2 ? {} : { labels: both(task, () => raters(task, truth, row)) };
    return { ...given, ...said, verdicts: both(task, (i) => VERDICTS[task](i === 0 ? at : 1 - at)) };
  });
}

const both = (task, of) => Object.fromEntries(SPECS[task].rubrics.map(({ name }, i) => [name, of(i)]));

/** Two people, of whom the second said nothing of some rows. */
const raters = (task, truth, row) => [
  SAID[task](truth),
  row % 4 === 1 ? null : SAID[task](Math.min(1, truth + 0.2 * between(row + 99))),
];

/** A report, as data and as a page. */
async function made(task, error) {
  const page = await packagePage();
  return page.evaluate(
    async ([results, spec]) => {
      const thresholds = [
        { metric: "accuracy", atLeast: 0.99 },
        { metric: "kappa", atLeast: -1 },
      ];
      const report = await lunette.report(results, spec, {
        resamples: 200,
        ...(spec.task !== "score" && { thresholds }),
      });
      return { report, html: await lunette.renderReport(report, "html") };
    },
    [results(task, error), SPECS[task]],
  );
}

/** Opens a page of its own, with the parts open that are closed at first, and looks at it in every width and theme. */
async function assertReadable(name, html) {
  const { files, origin } = await server();
  files.set(`${name}.html`, html);
  const page = await (await browser()).newPage();
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && troubles.push(message.text()));
  await page.goto(`${origin}/files/${name}.html`);
  await bringAxe(page);
  for (const opened of [false, true]) {
    if (opened) await page.evaluate(() => document.querySelectorAll("details").forEach((part) => (part.open = true)));
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await assertNoSideways(page);
      await assertAccessible(page, `${name}, ${width} wide${opened ? ", opened" : ""}`);
      await picture(page, `${name}-${width}${opened ? "-opened" : ""}`, opened);
    }
  }
  assert.deepEqual(troubles, []);
  await page.close();
}

/** For whoever wants to look: pictures, where `LUNETTE_PICTURES` names a folder. */
async function picture(page, name, part) {
  const folder = process.env.LUNETTE_PICTURES;
  if (!folder) return;
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: join(folder, `${name}-${colorScheme}.png`), fullPage: !part });
  }
}

describe("reports as pages", () => {
  for (const task of Object.keys(SPECS)) {
    test(`a report of ${task} is readable for everyone`, minutes(3), async () => {
      const { html } = await made(task, 0.5);
      await assertReadable(`report-${task}`, html);
    });
  }

  test("a comparison of three judges is readable for everyone", minutes(6), async () => {
    const folder = temporary("comparison");
    const runs = [];
    for (const [i, error] of [0.2, 0.6, 1].entries()) {
      const { report } = await made("score", error);
      // What a long path of a run does to a table.
      runs.push(join(folder, i === 2 ? LONG : `judge-${i}`));
      mkdirSync(runs[i], { recursive: true });
      writeFileSync(join(runs[i], "report.json"), JSON.stringify(report));
    }
    const out = join(folder, "out");
    const program = ["run", "--quiet", "--package", "lunette-cli", "--", "compare-runs"];
    await run("cargo", [...program, ...runs, "--out", out], root);
    await assertReadable("comparison", readFileSync(join(out, "comparison.html"), "utf8"));
  });
});
