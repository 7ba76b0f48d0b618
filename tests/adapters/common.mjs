// Helpers of the suites that need no loaded judge.

import assert from "node:assert/strict";

export const MODEL = process.env.LUNETTE_MODEL ?? assert.fail("LUNETTE_MODEL must name the model's file");

export const minutes = (n) => ({ timeout: n * 60_000 });

/** Short rubrics, so that a verdict takes about a second. */
export const SCALE = {
  objective: "Is the answer right?",
  scale: { 1: "Wrong.", 2: "Half right.", 3: "Right." },
};
export const LABELS = { objective: "Is the answer right?", labels: { Yes: "It is.", No: "It is not." } };

/** Checks that a call rejects with an error of this package with `code` and a message that matches `pattern`. */
export async function refused(call, code, pattern) {
  const error = await call().then(
    (value) => assert.fail(`not refused: ${JSON.stringify(value)}`),
    (error) => error,
  );
  assert.equal(error.code, code, error.stack);
  assert.match(error.message, pattern);
  return error;
}

export function near(actual, expected, tolerance, what) {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${what}: ${actual} is not within ${tolerance} of ${expected}`);
}
