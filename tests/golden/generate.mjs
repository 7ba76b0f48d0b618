// Computes the golden values of the default model with llama.cpp alone: README.md says what they are.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, floats, places } from "./llama.mjs";

const [program, exactModel, model, out] = process.argv.slice(2);
if (!out) {
  console.error("usage: node generate.mjs REFERENCE F32_MODEL MODEL OUT");
  process.exit(1);
}

const END_OF_TURN = 2;
/** Prompts, by what is computed for them besides their logits. */
const PROMPTS = {
  short: { usual: true },
  short2: { usual: true, greedy: 64 },
  judge: {},
  long: {},
};
const text = (name) => readFileSync(join(import.meta.dirname, "prompts", `${name}.txt`), "utf8");

/** The likeliest token at each step, up to the end of the turn. */
async function greedy(llama, tokens, count) {
  const drawn = [];
  while (drawn.length < count && drawn.at(-1) !== END_OF_TURN) {
    const logits = floats(await llama.logits([...tokens, ...drawn]));
    drawn.push(logits.indexOf(logits.reduce((a, b) => Math.max(a, b))));
  }
  return drawn;
}

const exact = connect(program, exactModel);
const usual = connect(program, model, "f16");
const prompts = {};
for (const [name, { greedy: count, usual: also }] of Object.entries(PROMPTS)) {
  const tokens = await exact.tokenize(text(name));
  writeFileSync(join(out, `${name}.f32`), await exact.logits(tokens));
  writeFileSync(join(out, `${name}.states.f32`), await exact.states(tokens, places(tokens)));
  if (also) writeFileSync(join(out, `${name}.usual.f32`), await usual.logits(tokens));
  prompts[name] = { tokens, ...(count && { greedy: await greedy(exact, tokens, count) }) };
  console.error(name);
}
const tokens = await exact.tokenize(text("perplexity"));
const perplexity = { tokens, logprobs: await exact.logprobs(tokens) };
exact.close();
usual.close();

const entries = Object.entries({ ...prompts, perplexity });
const lines = entries.map(([name, values]) => `${JSON.stringify(name)}: ${JSON.stringify(values)}`);
writeFileSync(join(out, "golden.json"), `{\n${lines.join(",\n")}\n}\n`);
