import { describe, expect, it } from "vitest";
import { plainUrl } from "../src/worker/cache/address.js";
import { entryOf, register } from "../src/api/catalogue.js";
import { Models } from "../src/api/models.js";
import { describeSource } from "../src/api/source.js";
import { BlobPart } from "../src/worker/source/blob.js";
import { opened } from "../src/api/handle.js";
import type { OpenedSource } from "../src/api/handle.js";
import { partBlobs, partOf, partUrls } from "../src/wire/split.js";
import { drain, FakeSha256 } from "./fake-engine.js";

const invalid = expect.objectContaining({ code: "invalid-argument" }) as Error;
const sha256 = "ab".repeat(32);

describe("describeSource", () => {
  const url = "https://models.example/judge.gguf";

  it("takes a URL as text, as an object and with what is known of it", () => {
    expect(describeSource(`${url}#top`)).toEqual({ kind: "url", parts: [url] });
    expect(describeSource(new URL(url))).toEqual({ kind: "url", parts: [url] });
    expect(describeSource({ url, bytes: 5, license: "MIT", sha256: sha256.toUpperCase() })).toEqual({
      kind: "url",
      parts: [url],
      bytes: 5,
      license: "MIT",
      sha256: [sha256],
    });
  });

  it("takes a hash beside any source of one file, but not two different ones", () => {
    expect(describeSource(url, sha256).sha256).toEqual([sha256]);
    expect(describeSource(new Blob(["x"]), sha256).sha256).toEqual([sha256]);
    expect(() => describeSource({ url, sha256 }, "cd".repeat(32))).toThrow(invalid);
    expect(() => describeSource([new Blob(), new Blob()], sha256)).toThrow(invalid);
  });

  it("finds the parts of a split file by name, with a hash for each", () => {
    const first = "https://models.example/a/judge-00001-of-00003.gguf?v=1";
    const source = describeSource({ url: first, sha256: [sha256, sha256, sha256] });
    expect(source.parts).toEqual([1, 2, 3].map((n) => `https://models.example/a/judge-0000${n}-of-00003.gguf?v=1`));
    expect(() => describeSource({ url: first, sha256 })).toThrow(invalid);
  });

  it.each<[unknown]>([
    ["models/judge.gguf"],
    [""],
    [null],
    [undefined],
    [7],
    [{}],
    [{ url: 7 }],
    [new Uint8Array(4)],
    [[]],
    [["a.gguf"]],
    [{ url, sha256: "abc" }],
    ["https://name:secret@models.example/judge.gguf"],
  ])("refuses %j", (model) => {
    expect(() => describeSource(model as OpenedSource)).toThrow(invalid);
  });
});

describe("the entries of a file system", () => {
  const entry = (name: string, getFile: () => Promise<File>) =>
    ({ kind: "file", name, getFile }) as FileSystemFileHandle;
  const named = (name: string) => entry(name, () => Promise.resolve(new File([name], name)));

  it("become the files that they name", async () => {
    const blob = new Blob(["x"]);
    expect(await opened(named("a.gguf"))).toMatchObject({ name: "a.gguf" });
    expect(await opened([named("a.gguf"), blob])).toEqual([expect.objectContaining({ name: "a.gguf" }), blob]);
  });

  it("leave any other source as it is", async () => {
    for (const source of ["a.gguf", new URL("https://models.example/a.gguf"), new Blob(), { url: "a.gguf" }]) {
      expect(await opened(source)).toBe(source);
    }
  });

  it("that are gone are an error that says what to do", async () => {
    const gone = entry("a.gguf", () => Promise.reject(new DOMException("It is gone.", "NotFoundError")));
    await expect(opened(gone)).rejects.toMatchObject({
      code: "source",
      message: expect.stringMatching(/"a\.gguf" cannot be opened: It is gone\. .*choose it again/) as string,
    });
  });
});

describe("the parts of a split file", () => {
  it("are recognized by name", () => {
    expect(partOf("a-00002-of-00010.gguf")).toEqual({ stem: "a", part: 2, parts: 10 });
    for (const name of ["a.gguf", "a-2-of-3.gguf", "a-00002-of-00010.bin"]) expect(partOf(name)).toBeUndefined();
    for (const name of ["a-00000-of-00002.gguf", "a-00003-of-00002.gguf", "a-00001-of-99999.gguf"]) {
      expect(() => partOf(name)).toThrow(invalid);
    }
  });

  it("begin with the first", () => {
    expect(() => partUrls("https://x.example/a-00002-of-00003.gguf")).toThrow(invalid);
    expect(partUrls("https://x.example/a.gguf")).toEqual(["https://x.example/a.gguf"]);
  });

  it("are put in order, and counted", () => {
    const part = (n: number) => new File([String(n)], `a-0000${n}-of-00003.gguf`);
    const [one, two, three] = [part(1), part(2), part(3)];
    expect(partBlobs([three, one, two])).toEqual([one, two, three]);
    expect(() => partBlobs([three, one])).toThrow(/a-00002-of-00003\.gguf is not among those/);
    expect(() => partBlobs([one])).toThrow(invalid);
    const unnamed = [new Blob(["2"]), new Blob(["1"])];
    expect(partBlobs(unnamed)).toEqual(unnamed);
  });
});

describe("a file", () => {
  const bytes = Uint8Array.from({ length: (4 << 20) + 3 }, (_, index) => index);
  const part = (blob: Blob, hash?: string) =>
    new BlobPart(blob, hash, {
      Sha256: FakeSha256,
      signal: new AbortController().signal,
      onBytes: () => undefined,
      onNote: () => undefined,
    });

  it("is read in slices, as often as it is opened", async () => {
    const file = part(new Blob([bytes]));
    for (let pass = 0; pass < 2; pass += 1) {
      const source = await file.open();
      expect(source.size).toBe(bytes.length);
      const first = await source.next();
      const second = await source.next();
      expect(first?.length).toBe(4 << 20);
      expect(Buffer.compare(Buffer.concat([first ?? bytes, second ?? bytes]), bytes)).toBe(0);
      expect(await source.next()).toBeNull();
    }
  });

  it("that has changed since it was chosen is a typed error", async () => {
    const blob = new Blob(["abc"]);
    blob.slice = () =>
      ({ size: 3, arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }) as unknown as Blob;
    await expect((await part(blob).open()).next()).rejects.toMatchObject({
      code: "source",
      cause: { name: "NotReadableError" },
    });
  });

  it("is compared with its hash, also in what the engine does not read", async () => {
    const right = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const abc = new Blob(["abc"]);
    expect(await drain(await part(abc, right).open())).toBe(3);
    await part(abc, right).finish();
    for (const reads of [true, false]) {
      const wrong = part(abc, sha256);
      const reading = reads ? wrong.open().then(drain) : wrong.finish();
      await expect(reading).rejects.toMatchObject({
        code: "integrity",
        message: expect.stringMatching(new RegExp(`${right}.*${sha256}`)) as string,
      });
    }
  });
});

describe("the name of a model in the cache", () => {
  it.each([
    ["https://x.example/a.gguf?v=2#part", "https://x.example/a.gguf?v=2"],
    ["https://x.example/a.gguf?X-Amz-Signature=1&X-Amz-Date=2&v=3", "https://x.example/a.gguf?v=3"],
    ["https://x.example/a.gguf?Expires=1&Signature=2&Key-Pair-Id=3", "https://x.example/a.gguf"],
    ["https://x.example/a.gguf?sv=1&sig=2&se=3", "https://x.example/a.gguf"],
    ["https://x.example/a.gguf?sv=1", "https://x.example/a.gguf?sv=1"],
  ])("leaves out what signs an address: %s", (address, plain) => {
    expect(plainUrl(address)).toBe(plain);
  });
});

describe("the catalogue", () => {
  it("says of each model what one has to know before it is fetched", () => {
    for (const entry of Models.catalogue()) {
      expect(entry.url).toBe(`https://huggingface.co/${entry.repository}/resolve/main/${entry.file}`);
      expect(entry.license).not.toBe("");
      expect(describeSource(entry.id)).toMatchObject({ kind: "url", parts: [entry.url], bytes: entry.bytes });
      // The size of a model is the size of its weights.
      const bits = (entry.bytes * 8) / entry.parameters;
      expect(bits).toBeGreaterThan(2.5);
      expect(bits).toBeLessThan(9);
    }
    expect(Models.catalogue().map(({ id }) => id)).toEqual(
      expect.arrayContaining(["selene-1-mini", "selene-1-mini-q8_0", "smollm2-135m"]),
    );
  });

  it("has judges and chat models, some of which think", () => {
    const all = Models.catalogue();
    for (const purpose of ["judge", "chat"]) expect(all.some((entry) => entry.purpose === purpose)).toBe(true);
    for (const { tested, thinking } of all) expect([typeof tested, typeof thinking]).toEqual(["boolean", "boolean"]);
    expect(all.filter(({ tested }) => tested).every(({ sha256 }) => sha256 !== undefined)).toBe(true);
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  it("takes names of the caller's own", () => {
    register("mine", { url: "https://models.example/mine.gguf", license: "MIT" });
    expect(describeSource("mine")).toMatchObject({ parts: ["https://models.example/mine.gguf"], license: "MIT" });
    expect(Models.catalogue().some(({ id }) => id === "mine")).toBe(false);
    const [entry] = Models.catalogue();
    if (entry === undefined) throw new Error("the catalogue is empty");
    register("full", { ...entry, name: "Mine" });
    expect(Models.catalogue().at(-1)).toMatchObject({ id: "full", name: "Mine" });
    expect(entryOf("nobody's")).toBeUndefined();
  });

  it("refuses what is no name or no reference", () => {
    for (const [id, ref] of [
      ["a/b", { url: "https://x.example/a" }],
      ["", { url: "https://x.example/a" }],
      ["a", {}],
      ["a", { url: "https://x.example/a", quantization: "Q4_0" }],
    ] as [string, never][]) {
      expect(() => {
        Models.register(id, ref);
      }).toThrow(invalid);
    }
  });
});
