// Computes golden.json with llama.cpp alone: README.md says how to run it.
//
// A verdict's probability is read behind the prompt. Every way to write a label there is a path of tokens, as llama.cpp's
// own tokenizer cuts it: with and without a space, and a number in all the pieces that the vocabulary has for its
// digits. A path's probability is the product of its tokens' full-vocabulary softmax probabilities; a path that goes on
// as another label's keeps only the mass that does not go on; a label has the sum of its paths.

import { readFileSync, writeFileSync } from "node:fs";
import { connect, floats } from "../golden/llama.mjs";

const [reference, model, promptsFile, goldenFile] = process.argv.slice(2);
if (!goldenFile) {
  console.error("usage: node generate.mjs REFERENCE F32_MODEL PROMPTS GOLDEN");
  process.exit(1);
}

const llama = connect(reference, model);
const vocabulary = await llama.vocabulary();
/** The tokens that are exactly this text of digits. */
const tokenOf = new Map(vocabulary.map((piece, id) => [piece, id]).filter(([piece]) => /^\d+$/.test(piece)));

const softmaxes = new Map();

/** The next token's probabilities after `tokens`, in double precision. */
async function softmax(tokens) {
  const key = tokens.join(" ");
  if (!softmaxes.has(key)) {
    const logits = floats(await llama.logits(tokens));
    const most = logits.reduce((a, b) => Math.max(a, b));
    const weights = logits.map((logit) => Math.exp(logit - most));
    const total = weights.reduce((a, b) => a + b);
    softmaxes.set(
      key,
      weights.map((weight) => weight / total),
    );
  }
  return softmaxes.get(key);
}

/** Every way to write `digits` in tokens of digits. */
function pieces(digits) {
  if (digits === "") return [[]];
  const ways = [];
  for (let length = 1; length <= digits.length; length++) {
    const token = tokenOf.get(digits.slice(0, length));
    if (token !== undefined) ways.push(...pieces(digits.slice(length)).map((rest) => [token, ...rest]));
  }
  return ways;
}

/** The token paths behind `prompt` that write `label`. */
async function paths(prompt, promptTokens, label) {
  const digits = /^-?(\d{2,})$/.exec(label)?.[1] ?? "";
  const found = [];
  for (const text of [` ${label}`, label]) {
    const tokens = await llama.tokenize(prompt + text);
    // A label that melts into the marker is another text of the same prompt's end: it is read in its other spelling.
    if (tokens.length <= promptTokens.length || promptTokens.some((token, i) => tokens[i] !== token)) continue;
    const tail = tokens.slice(promptTokens.length);
    found.push(tail);
    const spelt = tail.map((token) => vocabulary[token]);
    const start = spelt.findIndex((_, i) => digits && spelt.slice(i).join("") === digits);
    if (start >= 0) found.push(...pieces(digits).map((way) => [...tail.slice(0, start), ...way]));
  }
  if (found.length === 0) throw new Error(`${label} cannot be written`);
  return found;
}

async function golden(prompt, labels) {
  const promptTokens = await llama.tokenize(prompt);
  /** By the path's tokens: its label. Two spellings that are the same path count once. */
  const ways = new Map();
  for (const label of labels) {
    for (const path of await paths(prompt, promptTokens, label)) {
      const key = path.join(" ");
      if ((ways.get(key) ?? label) !== label) throw new Error(`${label} and ${ways.get(key)} are one path`);
      ways.set(key, label);
    }
  }
  const all = [...ways.keys()].map((key) => key.split(" ").map(Number));
  const distribution = Object.fromEntries(labels.map((label) => [label, 0]));
  for (const path of all) {
    let p = 1;
    for (const [i, token] of path.entries()) p *= (await softmax([...promptTokens, ...path.slice(0, i)]))[token];
    const longer = all.filter((other) => other.length > path.length && path.every((token, i) => other[i] === token));
    if (longer.length > 0) {
      const next = await softmax([...promptTokens, ...path]);
      const goesOn = [...new Set(longer.map((other) => other[path.length]))].map((token) => next[token]);
      p *= 1 - goesOn.reduce((a, b) => a + b);
    }
    distribution[ways.get(path.join(" "))] += p;
  }
  const inside = Object.values(distribution).reduce((a, b) => a + b);
  return { tokens: promptTokens, distribution, outside: 1 - inside };
}

const { tasks } = JSON.parse(readFileSync(promptsFile, "utf8"));
const goldens = {};
for (const { name, labels, prompts } of tasks) {
  goldens[name] = [];
  for (const prompt of prompts) {
    goldens[name].push(await golden(prompt, labels));
    softmaxes.clear();
  }
  console.error(name);
}
llama.close();

/** One line a prompt. */
const entries = Object.entries(goldens).map(
  ([name, list]) => `${JSON.stringify(name)}: [\n${list.map((one) => JSON.stringify(one)).join(",\n")}\n]`,
);
writeFileSync(goldenFile, `{\n${entries.join(",\n")}\n}\n`);
