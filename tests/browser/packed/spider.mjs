// The task of the example apps, which has a golden verdict of llama.cpp.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../lib.mjs";

const NAME = "five levels with a reference";
/** The tolerance of each probability, as for the other golden verdicts. */
const BOUND = 0.003;

const read = (name) => JSON.parse(readFileSync(join(root, "tests/verdicts", name), "utf8"));

export const { task } = read("tasks.json").find(({ name }) => name === NAME);
const [golden] = read("golden.json")[NAME];

/** Whether a verdict on that task agrees with llama.cpp's. */
export function isGolden({ distribution, outside, critique }) {
  assert.deepEqual(Object.keys(distribution), Object.keys(golden.distribution));
  for (const [score, p] of Object.entries({ ...golden.distribution, outside: golden.outside })) {
    const ours = { ...distribution, outside }[score];
    assert.ok(Math.abs(ours - p) <= BOUND, `p(${score}) is ${ours}, llama.cpp's is ${p}`);
  }
  assert.equal(critique, null);
}
