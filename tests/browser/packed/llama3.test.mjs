// Llama 3's tokenizer, which is Selene Mini's: the real vocabulary with its merges, in a model without anything else, held
// against another implementation. Both come from a package of npm, since no judge of that size is fetched for a test.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { after, before, describe, test } from "node:test";
import { pathToFileURL } from "node:url";
import llama3 from "llama3-tokenizer-js";
import { array, f32, gguf, i32, string, u32 } from "../gguf.mjs";
import { root } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { installed } from "../tarball.mjs";
import { random } from "../unruly-server.mjs";

/** Of `tokenizer.ggml.token_type`. */
const [NORMAL, CONTROL] = [1, 3];
const FIRST_CONTROL = 128_000;
/** The smallest model that is one: nobody runs it. */
const [WIDTH, HEADS] = [32, 2];

function model() {
  const tokens = llama3.vocabById;
  const id = (name) => tokens.indexOf(name);
  const metadata = {
    "general.architecture": string("llama"),
    "general.name": string("a vocabulary"),
    "llama.context_length": u32(64),
    "llama.embedding_length": u32(WIDTH),
    "llama.block_count": u32(1),
    "llama.feed_forward_length": u32(WIDTH),
    "llama.attention.head_count": u32(HEADS),
    "llama.attention.head_count_kv": u32(HEADS),
    "llama.attention.layer_norm_rms_epsilon": f32(1e-5),
    "llama.rope.dimension_count": u32(WIDTH / HEADS),
    "llama.rope.freq_base": f32(500_000),
    "llama.vocab_size": u32(tokens.length),
    "tokenizer.ggml.model": string("gpt2"),
    "tokenizer.ggml.pre": string("llama-bpe"),
    "tokenizer.ggml.tokens": array(string, tokens),
    "tokenizer.ggml.token_type": array(
      i32,
      tokens.map((_, id) => (id < FIRST_CONTROL ? NORMAL : CONTROL)),
    ),
    "tokenizer.ggml.merges": array(string, [...llama3.merges.keys()]),
    "tokenizer.ggml.bos_token_id": u32(id("<|begin_of_text|>")),
    "tokenizer.ggml.eos_token_id": u32(id("<|eot_id|>")),
  };
  const square = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"];
  const tensors = [
    { name: "token_embd.weight", shape: [WIDTH, tokens.length] },
    { name: "blk.0.attn_norm.weight", shape: [WIDTH] },
    { name: "blk.0.ffn_norm.weight", shape: [WIDTH] },
    ...square.map((name) => ({ name: `blk.0.${name}.weight`, shape: [WIDTH, WIDTH] })),
    { name: "output_norm.weight", shape: [WIDTH] },
  ];
  return gguf(metadata, tensors);
}

/**
 * Texts of letters, digits, signs and white space of many kinds, the same every time. Without U+FEFF, which is white space in a
 * JavaScript pattern only.
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
      "shaders/linear_tile.wgsl",
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
