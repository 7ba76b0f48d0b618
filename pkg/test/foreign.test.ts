// Files of other kinds in the built module: each is refused by its first bytes, and the error names its kind.
import { expect, it, vi } from "vitest";
import { Engine, planLoad } from "../src/index.js";
import { realWasm } from "./real-wasm.js";

vi.mock("../src/wasm.js", () => ({ loadWasm: realWasm }));

const bytes = (...parts: (string | number[])[]) =>
  new Blob(parts.map((part) => (typeof part === "string" ? part : Uint8Array.from(part))));

const FILES: [what: string, file: Blob][] = [
  ["Git LFS pointer", bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 98362432\n")],
  ["/resolve/", bytes("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 98362432\n")],
  ["web page", bytes("<!doctype html>\n<html><head><title>model.gguf</title></head></html>")],
  ["safetensors", bytes([0x40, 0x1f, 0, 0, 0, 0, 0, 0], '{"__metadata__":{"format":"pt"}}')],
  ["PyTorch", bytes("PK", [3, 4], new Array<number>(26).fill(0), "archive/data.pkl")],
  ["pickle", bytes([0x80, 2], "}q", [0])],
  ["ONNX", bytes([8, 7, 0x12, 7], "pytorch")],
  ["zip", bytes("PK", [3, 4], new Array<number>(26).fill(0), "model.gguf")],
  ["before GGUF", bytes("tjgg", [3, 0, 0, 0], new Array<number>(64).fill(0))],
  ["before GGUF", bytes("lmgg", [0, 1, 0, 0], new Array<number>(64).fill(0))],
  ["big-endian", bytes("GGUF", [0, 0, 0, 3], new Array<number>(64).fill(0))],
];

it.each(FILES)("a load and a plan say that it is: %s", async (what, file) => {
  const refused = { code: "invalid-file", message: expect.stringContaining(what) as string };
  await expect(Engine.load(file, { worker: false, backend: "wasm" })).rejects.toMatchObject(refused);
  await expect(planLoad(file, { worker: false, backend: "wasm" })).rejects.toMatchObject(refused);
});
