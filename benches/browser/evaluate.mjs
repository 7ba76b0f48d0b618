// node evaluate.mjs [--backend wasm|webgpu] [--rows 100] [--reps 3]
// Rows a minute of `judge.evaluate`, beside one `judge.score` after another: the same rows under one rubric, five questions to
// each passage, each way on an engine that has seen nothing.

import { CpuClock, inFreshBrowser, isSoftware, main, options, sample, say } from "./lib.mjs";
import { questions } from "./questions.mjs";
import { modelUrl } from "../../tests/browser/lib.mjs";

const o = options({ rows: "" });

const RUBRIC = {
  objective: "Is every statement in the response supported by the passage, and is the question answered?",
  scale: {
    1: "The response contradicts the passage, or answers something else.",
    2: "Most of the response is not in the passage.",
    3: "The answer is right in part, and in part not in the passage.",
    4: "The answer is right, with a small gap or a needless addition.",
    5: "The answer is right, complete, and all of it is in the passage.",
  },
};

/** What runs in the page. Each gives the expected scores, so that two ways can be held against each other. */
const score = async ([rows, rubric]) => {
  const verdicts = [];
  for (const row of rows) verdicts.push(await judge.score({ ...row, rubric }, { critique: false }));
  return verdicts.map(({ expected }) => expected);
};
const evaluate = async ([rows, rubric, more]) => {
  const spec = { task: "score", rubrics: [{ name: "supported", rubric }] };
  const expected = [];
  for await (const { verdicts } of judge.evaluate(rows, spec, { critique: false, ...more }))
    expected.push(verdicts.supported.expected);
  return expected;
};

await main(() =>
  inFreshBrowser(async ({ page }) => {
    for (let rep = 1; rep <= Number(o.reps); rep += 1) {
      for (const scattered of [false, true]) {
        say(`repetition ${rep}, passages ${scattered ? "scattered" : "together"}`);
        await compare(page, scattered, rep % 2 === 0);
      }
    }
  }),
);

/** Both ways, by turns, so that what else the machine does falls on both. */
async function compare(page, scattered, other) {
  const { info, rows } = await load(page, scattered);
  const name = `${rows.length} rows, passages ${scattered ? "scattered" : "together"}`;
  const ways = { "judge.score, one after another": [score], "judge.evaluate": [evaluate] };
  const order = Object.keys(ways);
  const done = {};
  for (const way of other ? order.reverse() : order)
    done[way] = await measure(page, scattered, `${name}, ${way}`, ...ways[way]);
  const [one, all] = Object.keys(ways).map((way) => done[way]);
  const apart = Math.max(...one.expected.map((score, i) => Math.abs(score - all.expected[i])));
  if (apart > 0.01) throw new Error(`a row's expected score differs by ${apart} between the two ways`);
  ratios(info, `${name}: evaluate / score`, one, all);

  // Another prompt, so another verdict: what the order of its parts is worth.
  const first = await measure(page, scattered, `${name}, judge.evaluate, rubric first`, evaluate, {
    template: "rubric-first",
  });
  ratios(info, `${name}: evaluate with the rubric first / score`, one, first);
}

function ratios(info, name, slow, fast) {
  sample(info, `${name}, wall time`, "×", slow.wall / fast.wall);
  sample(info, `${name}, CPU time`, "×", slow.cpu / fast.cpu);
}

/** A new engine, whose cache holds nothing, and the rows for it. */
async function load(page, scattered) {
  const info = await page.evaluate(
    async ([url, backend]) => {
      await globalThis.judge?.dispose();
      globalThis.file ??= await (await fetch(url)).blob();
      globalThis.judge = await lunette.Judge.load(globalThis.file, { backend });
      return judge.info;
    },
    [modelUrl, o.backend],
  );
  return { info, rows: questions(Number(o.rows || (isSoftware(info) ? 5 : 100)), scattered) };
}

async function measure(page, scattered, name, way, more = {}) {
  const { info, rows } = await load(page, scattered);
  const clock = new CpuClock();
  const start = Date.now();
  const expected = await page.evaluate(way, [rows, RUBRIC, more]);
  const end = Date.now();
  const [wall, cpu] = [(end - start) / 1000, clock.between(start, end)];
  clock.stop();
  sample(info, name, "rows/min", (rows.length / wall) * 60);
  sample(info, name, "rows/CPU min", (rows.length / cpu) * 60);
  return { wall, cpu, expected };
}
