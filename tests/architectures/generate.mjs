// node generate.mjs REFERENCE MODELS OUT: llama.cpp's logits of the tiny models in a folder,
// without and with each of their adapters, after prompts of several lengths.

import { readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { connect, floats } from "../golden/llama.mjs";

const [program, models, out] = process.argv.slice(2);
if (!out) {
  console.error("usage: node generate.mjs REFERENCE MODELS OUT");
  process.exit(1);
}

/** Longer than a block of the KV cache, and than the tile of a kernel for few rows. */
const LENGTHS = [1, 7, 40, 100];
const VOCABULARY = 259;
const tokens = (length) => Array.from({ length }, (_, i) => (i * 97 + 31) % VOCABULARY);

async function logitsOf(llama) {
  const prompts = [];
  for (const length of LENGTHS) {
    const logits = floats(await llama.logits(tokens(length)));
    prompts.push({ tokens: tokens(length), logits: logits.map((logit) => Number(logit.toPrecision(8))) });
  }
  return prompts;
}

const values = {};
const files = readdirSync(models).sort();
for (const file of files.filter((file) => file.endsWith(".gguf"))) {
  const fixture = basename(file, ".gguf");
  const llama = connect(program, join(models, file));
  values[fixture] = await logitsOf(llama);
  for (const adapter of files.filter((name) => name.startsWith(`${fixture}.`) && name.endsWith(".lora"))) {
    for (const scale of [1, -0.5]) {
      await llama.adapt(join(models, adapter), scale);
      values[`${basename(adapter, ".lora")} ${scale}`] = await logitsOf(llama);
    }
  }
  llama.close();
}
const lines = Object.entries(values).map(([name, prompts]) => `${JSON.stringify(name)}: ${JSON.stringify(prompts)}`);
writeFileSync(out, `{\n${lines.join(",\n")}\n}\n`);
