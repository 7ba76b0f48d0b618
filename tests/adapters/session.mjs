// One loaded judge, shared by the suites of the process: loading takes seconds.

import assert from "node:assert/strict";
import { after } from "node:test";
import { Judge } from "lunette";
import { MODEL } from "./common.mjs";

/** The engine runs in its own thread, so the test's thread stays free. */
export const judge = await Judge.load(MODEL, { backend: "wasm" });

after(() => judge.dispose());

/** Checks that the judge still answers, after something went wrong. */
export async function works() {
  const { text } = await judge.engine.generate("One, two, three,", { maxTokens: 1 });
  assert.ok(text.length > 0);
}
