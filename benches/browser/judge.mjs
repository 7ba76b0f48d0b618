// node judge.mjs [--backend wasm|webgpu] [--rows 32] [--rubrics 8] [--response 600] [--critique 100] [--reps 3]
// Rows a minute: many rows under one rubric; one row under many rubrics, beside as many engines that share nothing.

import { CpuClock, inFreshBrowser, isSoftware, main, options, randomText, sample, say } from "./lib.mjs";
import { modelUrl } from "../../tests/browser/lib.mjs";

const o = options({ rows: "", rubrics: "", response: "", critique: "" });

const SCALE = {
  1: "The response does not meet it at all.",
  2: "The response meets it in small part.",
  3: "The response meets it in part.",
  4: "The response meets it with small gaps.",
  5: "The response meets it in full.",
};
const OBJECTIVES = [
  "Is every statement in the response true?",
  "Does the response answer all that was asked?",
  "Is the response clear to a reader who is new to the matter?",
  "Does the response say no more than is needed?",
  "Is the response kind and respectful?",
  "Does each step of the response follow from the one before?",
  "Does the response name what it does not know?",
  "Would the reader be safe in doing what the response says?",
];

const task = (rubric, length) => ({
  input: randomText(24),
  response: randomText(length),
  rubric: { objective: OBJECTIVES[rubric % OBJECTIVES.length], scale: SCALE },
});

await main(async () => {
  for (let rep = 1; rep <= Number(o.reps); rep += 1) {
    say(`repetition ${rep}`);
    await manyRows();
    const software = await manyRubrics();
    // There a repetition takes minutes, and its length is the spread's undoing anyway.
    if (software) break;
  }
});

/** Loads the model into `judge` of the page, and says how much to ask of it. */
async function load(page) {
  const info = await page.evaluate(
    async ([url, backend]) => {
      // The file is fetched once: a new engine on the same page costs no more than it must.
      globalThis.file ??= await (await fetch(url)).blob();
      return (globalThis.judge = await lunette.Judge.load(globalThis.file, { backend })).info;
    },
    [modelUrl, o.backend],
  );
  const software = isSoftware(info);
  const number = (given, usual, small) => Number(given || (software ? small : usual));
  return {
    info,
    rows: number(o.rows, 32, 2),
    rubrics: number(o.rubrics, 8, 2),
    length: number(o.response, 600, 60),
    // None where every token takes a second.
    critique: number(o.critique, 100, 0),
    software,
  };
}

async function manyRows() {
  await inFreshBrowser(async ({ page }) => {
    const { info, rows, critique } = await load(page);
    const tasks = () => Array.from({ length: rows }, () => task(0, 80));
    await measure(page, info, `${rows} rows × 1 rubric, verdict only`, tasks(), { critique: false });
    if (critique === 0) return;
    const name = `${rows} rows × 1 rubric, critique of ${critique} tokens at most`;
    await measure(page, info, name, tasks(), { maxTokens: critique });
  });
}

/** Returns whether the adapter is a slow one. */
async function manyRubrics() {
  return inFreshBrowser(async ({ page }) => {
    const { info, rubrics, length, critique, software } = await load(page);
    const one = task(0, length);
    const tasks = Array.from({ length: rubrics }, (_, i) => ({ ...one, rubric: task(i, 0).rubric }));
    const name = `1 row of ${length} words × ${rubrics} rubrics`;
    const shared = await measure(page, info, `${name}, verdict only`, tasks, { critique: false });

    // What sharing is worth: the same calls, each on an engine that has seen nothing.
    let [wall, cpu, prompt] = [0, 0, 0];
    for (const task of tasks) {
      await page.evaluate(() => judge.dispose());
      await load(page);
      const alone = await score(page, [task], { critique: false });
      wall += alone.wall;
      cpu += alone.cpu;
      prompt += alone.computed;
    }
    sample(info, `${name}, verdict only, ${rubrics} engines`, "rows/min", (rubrics / wall) * 60);
    sample(info, `${name}: gain of sharing, wall time`, "×", wall / shared.wall);
    sample(info, `${name}: gain of sharing, CPU time`, "×", cpu / shared.cpu);
    sample(info, `${name}: prompt tokens computed`, "tokens", shared.computed);
    sample(info, `${name}: prompt tokens computed by ${rubrics} engines`, "tokens", prompt);

    if (critique > 0) {
      await page.evaluate(() => judge.dispose());
      await load(page);
      await measure(page, info, `${name}, critique of ${critique} tokens at most`, tasks, { maxTokens: critique });
    }
    return software;
  });
}

async function measure(page, info, name, tasks, options) {
  const done = await score(page, tasks, options);
  sample(info, name, "rows/min", (tasks.length / done.wall) * 60);
  sample(info, name, "rows/CPU min", (tasks.length / done.cpu) * 60);
  if (done.written > 0) sample(info, `${name}: written`, "tok/row", done.written / tasks.length);
  return done;
}

/** Overlapping calls: seconds of wall time and of CPU time, prompt tokens that were computed, tokens written. */
async function score(page, tasks, options) {
  const clock = new CpuClock();
  try {
    const { start, end, usage } = await page.evaluate(
      async ([tasks, options]) => {
        const now = () => performance.timeOrigin + performance.now();
        const start = now();
        const verdicts = await Promise.all(tasks.map((task) => judge.score(task, options)));
        return { start, end: now(), usage: verdicts.map((verdict) => verdict.usage) };
      },
      [tasks, options],
    );
    const sum = (of) => usage.reduce((sum, each) => sum + of(each), 0);
    return {
      wall: (end - start) / 1000,
      cpu: clock.between(start, end),
      computed: sum((u) => u.promptTokens - u.cachedTokens),
      written: sum((u) => u.completionTokens),
    };
  } finally {
    clock.stop();
  }
}
