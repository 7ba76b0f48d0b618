// One loaded judge, shared by the tests of the process: loading takes seconds.

import assert from "node:assert/strict";
import { after } from "node:test";
import { Judge } from "lunette";

export const MODEL = process.env.LUNETTE_MODEL ?? assert.fail("LUNETTE_MODEL must name the model's file");

/** A thread of its own computes, so that nothing here waits for it. */
export const judge = await Judge.load(MODEL, { backend: "wasm" });

after(() => judge.dispose());

export const minutes = (n) => ({ timeout: n * 60_000 });

/** Short questions with a rubric, so that a verdict takes a second. */
export const SCALE = {
  objective: "Is the answer right?",
  scale: { 1: "Wrong.", 2: "Half right.", 3: "Right." },
};
export const LABELS = { objective: "Is the answer right?", labels: { Yes: "It is.", No: "It is not." } };

/** Checks that a call rejects with an error of this package that has `code` and speaks of `pattern`. */
export async function refused(call, code, pattern) {
  const error = await call().then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.equal(error.code, code, error.stack);
  assert.match(error.message, pattern);
  return error;
}

/** Checks that the judge still answers, after something went wrong. */
export async function works() {
  const { text } = await judge.engine.generate("One, two, three,", { maxTokens: 1 });
  assert.ok(text.length > 0);
}

export function near(actual, expected, tolerance, what) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} is not within ${tolerance} of ${expected}`);
}
