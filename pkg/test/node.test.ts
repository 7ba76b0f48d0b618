import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { fromDisk } from "../src/node/files.js";
import { node } from "../src/node/platform.js";
import { prepare, prepareHere } from "../src/node/prepare.js";
import { dawnFlags, setDawnFlags } from "../src/node/webgpu.js";
import type { WireSource } from "../src/wire/protocol.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lunette-"));
});
afterAll(() => rm(folder, { recursive: true }));

const address = (path: string): WireSource => ({ kind: "url", parts: [pathToFileURL(path).href] });

describe("addresses in Node", () => {
  it.each([
    ["models/a judge #1 100%.gguf", pathToFileURL("models/a judge #1 100%.gguf").href],
    ["/models/judge.gguf", pathToFileURL("/models/judge.gguf").href],
    ["file:///models/judge.gguf", "file:///models/judge.gguf"],
    ["https://models.example/judge.gguf", "https://models.example/judge.gguf"],
  ])("%s", (text, href) => {
    expect(node.locate(text).href).toBe(href);
  });

  it("takes a drive's letter for the beginning of a path", () => {
    expect(node.locate("C:\\models\\judge.gguf").protocol).toBe("file:");
  });
});

describe("files", () => {
  it("are read from the disk", async () => {
    const path = join(folder, "a model #1 50%.gguf");
    await writeFile(path, "GGUF and more");
    const source = await fromDisk({ ...address(path), sha256: ["00"] });
    expect(source).toMatchObject({ kind: "blobs", sha256: ["00"] });
    const [blob] = source.parts as Blob[];
    expect(await blob?.slice(0, 4).text()).toBe("GGUF");
    expect(blob?.size).toBe(13);
  });

  it.each([
    ["that are not there", () => join(folder, "absent.gguf"), /absent\.gguf.*no such file/],
    ["that are folders", () => folder, /not a file/],
  ])("%s are refused", async (_, path, message) => {
    await expect(fromDisk(address(path()))).rejects.toMatchObject({
      code: "source",
      message: expect.stringMatching(message) as string,
    });
  });

  it("leave other sources as they are", async () => {
    for (const source of [
      { kind: "url", parts: ["https://models.example/judge.gguf"] },
      { kind: "blobs", parts: [new Blob(["GGUF"])] },
    ] satisfies WireSource[]) {
      expect(await fromDisk(source)).toBe(source);
    }
  });
});

describe("WebGPU in Node", () => {
  const source: WireSource = { kind: "blobs", parts: [new Blob(["GGUF"])] };

  it("is an error that says what to install, where it is asked for by name", async () => {
    await expect(prepare(source, { backend: "webgpu" })).rejects.toMatchObject({
      code: "no-gpu",
      message: expect.stringMatching(/`webgpu`/) as string,
    });
  });

  it("is done without, where it is not", async () => {
    expect(await prepare(source, { backend: "auto" })).toBe(source);
    expect(await prepare(source, {})).toBe(source);
    expect("navigator" in globalThis && "gpu" in navigator).toBe(false);
  });

  it("needs a thread of its own", async () => {
    await expect(prepareHere(source, { backend: "webgpu" })).rejects.toMatchObject({ code: "no-gpu" });
    expect(await prepareHere(source, { backend: "wasm" })).toBe(source);
  });

  it("is started with the flags that were set", () => {
    setDawnFlags(["backend=vulkan"]);
    expect(dawnFlags()).toEqual(["backend=vulkan"]);
    setDawnFlags([]);
    expect(() => {
      setDawnFlags([7] as unknown as string[]);
    }).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

it("A worker of the caller's own making is not for Node", () => {
  expect(() => node.openWorker(vi.fn())).toThrow(expect.objectContaining({ code: "invalid-argument" }));
});
