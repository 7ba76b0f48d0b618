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
    /** Of each token but the first. */
    logprobs: async (tokens) => numbers(await ask(`logprobs ${tokens.join(" ")}`)),
    close: () => child.stdin.end(),
  };
}

/** The bytes of f32 numbers as numbers. */
export const floats = (bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
