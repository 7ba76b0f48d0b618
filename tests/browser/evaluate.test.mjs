// A data set, judged on a page: with a journal that outlives it, and with the terminal's results.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { launchVisitor, loadJudge, model, openPackage, root } from "./lib.mjs";
import { minutes, once, server } from "./session.mjs";
import { run, temporary } from "./tarball.mjs";

const rubric = {
  objective: "Is the answer correct?",
  scale: { 1: "Wrong.", 2: "Mostly wrong.", 3: "Half right.", 4: "Right, with a gap.", 5: "Right and complete." },
};
const spec = { task: "score", rubrics: [{ name: "correct", rubric, threshold: 3 }] };
const facts = [
  ["How many legs has a spider?", "Eight.", 5],
  ["How many legs has a spider?", "Six, as all insects.", 1],
  ["Why is the sky blue?", "It mirrors the sea.", 1],
  ["Why is the sky blue?", "Air scatters blue light the most.", 5],
  ["What is 2 + 2?", "4", 5],
  ["What is 2 + 2?", "Five, of course.", 1],
];
const csv = `id,question,answer,human\n${facts.map(([q, a, n], i) => `r${i},${q},"${a}",${n}\n`).join("")}`;

const visitor = once(() => launchVisitor());

/** A page with a judge on the wasm backend. It judges the rows, and stops behind `stop` results. */
async function evaluated(stop) {
  const page = await openPackage(await visitor(), (await server()).origin);
  await loadJudge(page, "wasm");
  const judged = await page.evaluate(
    async ([csv, spec, stop]) => {
      let fresh = 0;
      const inner = lunette.indexedDbJournal("evaluation");
      const journal = {
        get: (hash) => inner.get(hash),
        put: (hash, text) => inner.put(hash, text).then(() => void (fresh += 1)),
      };
      const rows = await lunette.openRows(new File([csv], "rows.csv"));
      const results = [];
      for await (const result of judge.evaluate(rows, { ...spec, journal, batch: 1 }, { critique: false })) {
        results.push(result);
        if (results.length === stop) break;
      }
      return { results, fresh };
    },
    [csv, spec, stop],
  );
  return { page, ...judged };
}

let whole;

test("a closed page loses no verdict, and nothing is judged twice", minutes(5), async () => {
  const first = await evaluated(3);
  await first.page.close();
  const second = await evaluated(Infinity);
  await second.page.close();
  const third = await evaluated(Infinity);
  whole = third;
  // Where the first one stopped, the next row may have been under way.
  assert.ok([3, 4].includes(first.fresh), `${first.fresh} verdicts`);
  assert.equal(first.fresh + second.fresh, facts.length);
  assert.equal(third.fresh, 0);
  assert.deepEqual(second.results.slice(0, 3), first.results);
  assert.equal(JSON.stringify(third.results), JSON.stringify(second.results));
});

test("a report of them", minutes(2), async () => {
  const { page, results } = whole;
  const { made, html } = await page.evaluate(
    async ([results, spec]) => {
      const made = await lunette.report(results, spec);
      return { made, html: await lunette.renderReport(made, "html") };
    },
    [results, spec],
  );
  assert.equal(made.sections[0].counts.compared, facts.length);
  assert.equal(made.settings.resamples, 2000);
  assert.match(html, /Air scatters blue light/);
});

test("a report of systems and kinds of rows", minutes(2), async () => {
  const { page } = whole;
  const made = await page.evaluate(() => {
    const row = (row, systems, winner, human) => {
      const verdict = { winner, probabilityA: winner === "a" ? 0.8 : 0.2, consistent: true };
      const task = { input: "i", responseA: "a", responseB: "b" };
      const labels = { better: [human] };
      return { row, slice: row % 2 ? "odd" : "even", systems, task, labels, verdicts: { better: verdict } };
    };
    const results = [
      row(0, ["me", "you"], "a", "b"),
      row(1, ["you", "me"], "b", "b"),
      row(2, ["you", "them"], "a", "a"),
      row(3, ["them", "me"], "b", "a"),
    ];
    const spec = { task: "compare", rubrics: [{ name: "better", rubric: "Which is better?" }] };
    return lunette.report(results, spec, { own: ["me"] });
  });
  const [section] = made.sections;
  assert.deepEqual(
    section.leaderboard.systems.map(({ name, judge }) => [name, judge.rank, judge.wins]),
    [
      ["me", 1, 3],
      ["you", 2, 1],
      ["them", 3, 0],
    ],
  );
  assert.deepEqual(
    section.slices.map(({ name, counts }) => [name, counts.compared]),
    [
      ["even", 2],
      ["odd", 2],
    ],
  );
  const [effect] = made.probes;
  assert.equal(effect.probe, "self-preference");
  assert.equal(effect.n, 3);
  assert.ok(effect.shift.value > 0.5, effect.sentence);
});

test("the terminal reaches the same verdicts, and the same report of them", minutes(10), async () => {
  const { page, results } = whole;
  const folder = temporary("terminal");
  await run("mkdir", ["-p", folder], root);
  writeFileSync(join(folder, "rows.csv"), csv);
  const file = { data: "rows.csv", task: "score", critique: false, batch: 1, out: "out", backend: "cpu", model };
  const rubrics = [{ name: "correct", threshold: 3, ...rubric }];
  writeFileSync(join(folder, "eval.yaml"), JSON.stringify({ ...file, rubrics }));
  const args = ["run", "--quiet", "--package", "lunette-cli", "--", "evaluate", join(folder, "eval.yaml"), "--quiet"];
  await run("cargo", args, root);
  const lines = (await run("cat", [join(folder, "out/results.jsonl")], root)).trim().split("\n").map(JSON.parse);
  for (const [row, line] of lines.entries()) {
    const here = results[row];
    const [one, other] = [here, line].map(({ verdicts: { correct }, overall, ...rest }) => {
      const { expected, distribution, outside, ...verdict } = correct;
      return { scores: [overall, expected], shares: [outside, ...Object.values(distribution)], rest, verdict };
    });
    assert.deepEqual([one.rest, one.verdict], [other.rest, other.verdict]);
    // The terminal adds up on wider vectors, in another order. A score moves by up to the scale's width times a share.
    const near = (a, b, by) => a.forEach((x, i) => assert.ok(Math.abs(x - b[i]) < by, `${x} is not ${b[i]}`));
    near(one.shares, other.shares, 1e-3);
    near(one.scores, other.scores, 4e-3);
  }
  // Of equal results there is one report, to the last figure that both print.
  const report = JSON.parse(await run("cat", [join(folder, "out/report.json")], root));
  const { sections } = await page.evaluate(([lines, spec]) => lunette.report(lines, spec), [lines, spec]);
  assert.deepEqual(JSON.parse(round(sections)), JSON.parse(round(report.sections)));
});

const round = (value) => JSON.stringify(value, (_, x) => (typeof x === "number" ? Number(x.toPrecision(9)) : x));
