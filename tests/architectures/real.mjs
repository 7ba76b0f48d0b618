// node real.mjs REFERENCE F32_MODEL OUT: llama.cpp's tokens, states and logits of a real model after the golden prompts, and the
// log-probabilities of the golden text.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, floats, places } from "../golden/llama.mjs";

const [program, model, out] = process.argv.slice(2);
if (!out) {
  console.error("usage: node real.mjs REFERENCE F32_MODEL OUT");
  process.exit(1);
}

const text = (name) => readFileSync(join(import.meta.dirname, "../golden/prompts", `${name}.txt`), "utf8");
const llama = connect(program, model);
const prompts = [];
for (const name of ["short", "short2", "judge"]) {
  const tokens = await llama.tokenize(text(name));
  const at = places(tokens);
  const [logits, states] = [await llama.logits(tokens), await llama.states(tokens, at)];
  prompts.push({ name, text: text(name), tokens, logits: floats(logits), at, states: floats(states) });
  console.error(name);
}
const tokens = (await llama.tokenize(text("perplexity"))).slice(0, 512);
const perplexity = { tokens, logprobs: await llama.logprobs(tokens) };
llama.close();
writeFileSync(out, JSON.stringify({ prompts, perplexity }));
