// Speaks to the program of reference.cpp: a line in, a line out.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Starts `program` on a model; `kv` is "f32" or "f16". */
export function connect(program, model, kv = "f32") {
  const child = spawn(program, ["serve", model, kv], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (request) => {
    child.stdin.write(`${request}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error("the reference program ended");
    return value;
  };
  const numbers = (line) => (line ? line.split(" ").map(Number) : []);
  return {
    /** The bytes of every token, as a string of Latin-1. */
    vocabulary: async () => (await ask("vocabulary")).split(" ").map((hex) => Buffer.from(hex, "hex").toString("latin1")),
    tokenize: async (text) => numbers(await ask(`tokenize ${Buffer.from(text).toString("hex")}`)),
    /** From here on the model has this LoRA adapter, times `scale`. */
    adapt: (path, scale) => ask(`adapter ${scale} ${path}`),
    /** Next-token logits, as little-endian f32. */
    logits: async (tokens) => Buffer.from(await ask(`logits ${tokens.join(" ")}`), "hex"),
    /** The states of the tokens at the places `at`, as little-endian f32. */
    states: async (tokens, at) => {
      const all = Buffer.from(await ask(`states ${tokens.join(" ")}`), "hex");
      const size = all.length / tokens.length;
      return Buffer.concat(at.map((place) => all.subarray(place * size, (place + 1) * size)));
    },
    /** Of each token but the first. */
    logprobs: async (tokens) => numbers(await ask(`logprobs ${tokens.join(" ")}`)),
    close: () => child.stdin.end(),
  };
}

/** The places whose states are compared: the first, one in the middle, the last. */
export const places = (tokens) => [0, Math.floor(tokens.length / 2), tokens.length - 1];

/** The bytes of f32 numbers as numbers. */
export const floats = (bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
