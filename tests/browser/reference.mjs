// llama.cpp's values of the default model: see tests/golden/README.md. A missing file fails the test that reads it.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./lib.mjs";
import { floats } from "./numbers.mjs";

const read = (name) => readFileSync(join(root, "tests/golden", name));
const all = () => JSON.parse(read("golden.json"));

/** The prompts' names. */
export const PROMPTS = ["short", "short2", "judge", "long"];

export const reference = {
  text: (name) => read(`prompts/${name}.txt`).toString(),
  tokens: (name) => all()[name].tokens,
  /** Next-token logits after the prompt. */
  logits: (name) => floats(read(`${name}.f32`)),
  /** The states at `places`, one behind the other. */
  states: (name) => floats(read(`${name}.states.f32`)),
  /** The likeliest tokens after the prompt, up to the end of the turn. */
  greedy: (name) => all()[name].greedy,
  /** `{ tokens, logprobs }`: of each token but the first. */
  perplexity: () => all().perplexity,
};
