// Bad files in the browser: each is refused with the right code, and with a message for the user.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { NVFP4, gguf, string, tinyMetadata, tinyTensors } from "./gguf.mjs";
import { minutes, packagePage, server } from "./session.mjs";

const metadata = tinyMetadata();
const tensors = tinyTensors();
const whole = gguf(metadata, tensors);
const last = tensors.length - 1;
const change = (change) => tensors.map((tensor, i) => (i === last ? { ...tensor, ...change } : tensor));

const FAULTS = [
  // name, bytes, the codes that say what is wrong, what the message must name
  ["nothing at all", Buffer.alloc(0), ["truncated", "invalid-file"]],
  ["cut inside the magic", whole.file.subarray(0, 3), ["truncated", "invalid-file"]],
  ["cut inside the header", whole.file.subarray(0, 20), ["truncated"]],
  ["cut inside the metadata", whole.file.subarray(0, 200), ["truncated"]],
  ["cut inside the tensor table", whole.file.subarray(0, whole.head - 10), ["truncated"]],
  ["cut inside the weights", whole.file.subarray(0, whole.file.length - 100_000), ["truncated"]],
  ["not a GGUF file", gguf(metadata, tensors, { magic: "GGML" }).file, ["invalid-file"]],
  ["a page instead of a model", Buffer.from("<!doctype html><title>Sign in</title>".padEnd(4096)), ["invalid-file"]],
  [
    "a Git LFS pointer",
    Buffer.from("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 98362432\n"),
    ["invalid-file"],
    /Git LFS pointer.*\/resolve\//,
  ],
  [
    "safetensors",
    Buffer.concat([Buffer.from([64, 31, 0, 0, 0, 0, 0, 0]), Buffer.from('{"__metadata__":{}'.padEnd(8000))]),
    ["invalid-file"],
    /safetensors/,
  ],
  ["a tensor past the end", gguf(metadata, change({ offset: 2 ** 40 })).file, ["invalid-file", "truncated"]],
  [
    "a tensor at the last address",
    gguf(metadata, change({ offset: 2n ** 64n - 32n })).file,
    ["invalid-file", "truncated"],
  ],
  ["2⁶⁴ − 1 tensors", gguf(metadata, tensors, { counts: { tensors: 2n ** 64n - 1n } }).file, ["invalid-file"]],
  ["2⁶⁴ − 1 metadata", gguf(metadata, tensors, { counts: { metadata: 2n ** 64n - 1n } }).file, ["invalid-file"]],
  [
    "an unknown architecture",
    gguf({ ...metadata, "general.architecture": string("perceptron") }, tensors).file,
    ["unsupported-architecture"],
    /perceptron/,
  ],
  [
    "an unsupported block type",
    gguf(
      metadata,
      tensors.map((tensor, i) => (i === 3 ? { ...tensor, type: NVFP4 } : tensor)),
    ).file,
    ["unsupported-tensor-type"],
    new RegExp(`${tensors[3].name.replaceAll(".", "\\.")}.*NVFP4`),
  ],
];

/** Loads a served file like an app. Returns the result or the error. */
async function load(name, as) {
  const page = await packagePage();
  return page.evaluate(
    async ([name, as]) => {
      const response = await fetch(`/files/${name}`);
      const bytes = as === "Blob" ? await response.blob() : await response.arrayBuffer();
      try {
        const engine = await lunette.Engine.load(bytes, { backend: "wasm" });
        const logits = await engine.logits(await engine.tokenize("the"));
        await engine.dispose();
        return { logits: logits.length, finite: logits.every(Number.isFinite) };
      } catch (error) {
        return { code: error.code, message: error.message, ours: error instanceof lunette.LunetteError };
      }
    },
    [encodeURIComponent(name), as],
  );
}

describe("bad files in the browser", () => {
  before(async () => {
    const { files } = await server();
    for (const [name, bytes] of [["whole", whole.file], ...FAULTS]) files.set(encodeURIComponent(name), bytes);
  });

  for (const as of ["ArrayBuffer", "Blob"]) {
    // The faults below prove nothing unless the unchanged file loads.
    test(`the whole file, as ${as}`, minutes(2), async () => {
      const vocabulary = metadata["tokenizer.ggml.tokens"].value.length;
      assert.deepEqual(await load("whole", as), { logits: vocabulary, finite: true });
    });

    for (const [name, , codes, names] of FAULTS) {
      test(`${name}, as ${as}`, minutes(1), async (t) => {
        const error = await load(name, as);
        assert.ok(error.ours, `it was refused with an error of ours: ${JSON.stringify(error)}`);
        t.diagnostic(`${error.code}: ${error.message}`);
        assert.ok(codes.includes(error.code), `${error.code} is among ${codes.join(", ")}`);
        assert.match(error.message, /^\S.{20,}[.!?]$/su, "a sentence");
        assert.doesNotMatch(error.message, /panicked|unreachable|undefined|\[object/);
        if (names) assert.match(error.message, names);
      });
    }
  }
});
