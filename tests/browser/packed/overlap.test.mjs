// Many overlapping calls, some of them aborted, in a separate process.

import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { model } from "../lib.mjs";
import { minutes, quick } from "../session.mjs";
import { project, run } from "../tarball.mjs";

const CALLS = quick ? 60 : 200;
/** The tolerance of a probability under batching. */
const BATCHED = 1e-3;

test(`${CALLS} overlapping calls, with random aborts`, minutes(10), async (t) => {
  const folder = await project("overlap", "node");
  copyFileSync(join(import.meta.dirname, "overlap.mjs"), join(folder, "overlap.mjs"));
  const seed = 20261124;
  const printed = await run("node", ["overlap.mjs", model, String(seed), String(CALLS)], folder);
  const { outcomes, abort, again, serial } = JSON.parse(printed);

  assert.equal(outcomes.length, CALLS, "every call came to an end");
  const verdicts = outcomes.filter(({ end }) => end === "verdict");
  const aborted = outcomes.filter(({ end }) => end === "aborted");
  t.diagnostic(`seed ${seed}: ${verdicts.length} verdicts, ${aborted.length} aborted`);
  assert.equal(verdicts.length + aborted.length, CALLS, JSON.stringify(outcomes.map(({ end }) => end)));
  assert.ok(verdicts.length > CALLS / 4 && aborted.length > CALLS / 20);
  const apart = Math.max(...verdicts.map(({ apart }) => apart));
  t.diagnostic(`at most ${apart.toExponential(1)} from the same call alone`);
  assert.ok(apart <= BATCHED, `a verdict is ${apart} from the same call alone`);

  assert.equal(abort.first, "aborted");
  t.diagnostic(
    `an abort is known after ${abort.rejectedMs.toFixed(1)} ms, the engine free after ${abort.freeMs.toFixed(0)} ms`,
  );
  assert.deepEqual(again, serial, "the same call alone repeats bit for bit");
});
