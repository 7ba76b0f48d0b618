// The packed package in Node, on the card through Dawn. Prints a JSON object a line.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Judge } from "lunette";

const kit = process.env.KIT;
const golden = join(kit, "tests/golden");
const floats = (name) => {
  const bytes = readFileSync(join(golden, name));
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
};
const logSoftmax = (logits) => {
  const most = logits.reduce((a, b) => Math.max(a, b));
  const norm = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
  return Float64Array.from(logits, (logit) => logit - norm);
};
const divergence = (p, q) => {
  const [a, b] = [logSoftmax(p), logSoftmax(q)];
  return a.reduce((sum, lp, i) => sum + Math.exp(lp) * (lp - b[i]), 0);
};
const print = (what) => console.log(JSON.stringify(what));

const start = performance.now();
const judge = await Judge.load(join(kit, "models/SmolLM2-135M-Instruct.Q4_1.gguf"), { backend: "webgpu" });
print({ loadMs: performance.now() - start, adapter: judge.info.adapter, capabilities: judge.info.capabilities });

const values = JSON.parse(readFileSync(join(golden, "golden.json"), "utf8"));
for (const name of ["short", "short2", "judge"]) {
  const logits = await judge.engine.logits(new Uint32Array(values[name].tokens));
  print({ golden: name, kl: divergence(floats(`${name}.f32`), logits) });
}
const verdict = await judge.score({
  input: "Why is the sky blue?",
  response: "Because it mirrors the sea.",
  rubric: { objective: "Is it correct?", scale: { 1: "Wrong.", 2: "Mostly wrong.", 3: "Half right.", 4: "Nearly right.", 5: "Right." } },
}, { maxTokens: 32 });
print({ score: verdict.score, expected: verdict.expected, outside: verdict.outside, timing: verdict.timing });
const tokens = values.long.tokens.slice(0, 512);
const { timing, usage } = await judge.engine.generate(new Uint32Array(tokens), { maxTokens: 64 });
print({ prefillPerSecond: (tokens.length / timing.prefillMs) * 1000, decodePerSecond: (usage.completionTokens / timing.decodeMs) * 1000 });
await judge.dispose();
