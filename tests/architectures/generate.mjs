// node generate.mjs REFERENCE MODELS OUT: llama.cpp's logits of the tiny models in a folder, after prompts of several lengths.

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

const values = {};
for (const file of readdirSync(models).filter((file) => file.endsWith(".gguf")).sort()) {
  const llama = connect(program, join(models, file));
  const prompts = [];
  for (const length of LENGTHS) {
    const logits = floats(await llama.logits(tokens(length)));
    prompts.push({ tokens: tokens(length), logits: logits.map((logit) => Number(logit.toPrecision(8))) });
  }
  llama.close();
  values[basename(file, ".gguf")] = prompts;
}
const lines = Object.entries(values).map(([name, prompts]) => `${JSON.stringify(name)}: ${JSON.stringify(prompts)}`);
writeFileSync(out, `{\n${lines.join(",\n")}\n}\n`);
