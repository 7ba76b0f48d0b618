// node overlap.mjs MODEL SEED CALLS: overlapping calls, some of them aborted. Prints their results as JSON. It does not dispose
// of its judge: the process only ends if every call has settled.

import { Judge } from "lunette";

const [model, seed, calls] = process.argv.slice(2);
const ABORTED = 0.4;
/** Some aborts come before the call has begun, some while it waits, some while it runs. */
const ABORT_WITHIN_MS = 20_000;

// Short texts, whose prompts share prefixes.
const template = `user_template: "{user_input}\\n{assistant_response}\\n{rubric}"`;
const rubric = { objective: "Is it true?", scale: { 1: "No.", 2: "Yes." } };
const responses = [
  "Yes.",
  "No.",
  "Perhaps, if it rains.",
  "Ice is lighter than water.",
  "It is cold.",
  "I do not know.",
];
const tasks = ["Why does ice float?", "Is it late?"].flatMap((input) =>
  responses.map((response) => ({ input, response, rubric })),
);

/** Mulberry32: the same numbers for the same seed. */
function random(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const judge = await Judge.load(model, { backend: "wasm", contextLength: 512 });
const score = (task, signal) => judge.score(task, { critique: false, template, signal });
const serial = [];
for (const task of tasks) serial.push((await score(task)).distribution);

const next = random(Number(seed));
const outcomes = await Promise.all(
  Array.from({ length: Number(calls) }, async () => {
    const which = Math.floor(next() * tasks.length);
    const controller = new AbortController();
    if (next() < ABORTED) setTimeout(() => controller.abort(), next() * ABORT_WITHIN_MS).unref();
    try {
      const { distribution } = await score(tasks[which], controller.signal);
      const apart = Object.entries(distribution).map(([level, p]) => Math.abs(p - serial[which][level]));
      return { end: "verdict", apart: Math.max(...apart) };
    } catch ({ code }) {
      return { end: code };
    }
  }),
);

// Abort a running long call: measure when its promise rejects, and when the engine is free.
const controller = new AbortController();
const long = judge.engine.generate("Once upon a time", {
  maxTokens: 400,
  signal: controller.signal,
  onToken: () => controller.abort(),
});
let begun;
controller.signal.addEventListener("abort", () => (begun = performance.now()), { once: true });
const first = await long.catch(({ code }) => code);
const rejectedMs = performance.now() - begun;
await judge.engine.tokenize("free");
const freeMs = performance.now() - begun;
const again = (await score(tasks[0])).distribution;

console.log(JSON.stringify({ outcomes, abort: { first, rejectedMs, freeMs }, again, serial: serial[0] }));
