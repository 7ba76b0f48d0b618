import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Arrival } from "../src/arrival.js";
import { modelKey } from "../src/cache/address.js";
import { Library } from "../src/cache/library.js";
import { CHUNK_BYTES, fileKey, parseRecord } from "../src/cache/record.js";
import type { FileRecord } from "../src/cache/record.js";
import { inUnits } from "../src/cache/room.js";
import { Slots } from "../src/cache/slots.js";
import type { Storage, Store } from "../src/cache/store.js";
import { CallControl } from "../src/control.js";
import { arrive } from "../src/loading.js";
import { Meter } from "../src/meter.js";
import { openFolder } from "../src/node/store.js";
import { describeSource } from "../src/source.js";
import type { ModelSource, Progress } from "../src/types.js";
import type { ByteSource, ModelBytes, WasmSha256Class } from "../src/wasm-contract.js";
import { realWasm } from "./real-wasm.js";
import { begins, noise, sendFile, serving } from "./serving.js";

const bytes = noise(2 * CHUNK_BYTES + 1_234_567);
const hashOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const sha256 = hashOf(bytes);
const patience = { attempts: 3, firstDelayMs: 1, longestDelayMs: 5, longestRetryAfterMs: 50, stallMs: 20_000 };

let Sha256: WasmSha256Class;
let folder: string;
let store: Store;
beforeAll(async () => {
  Sha256 = (await realWasm()).WasmSha256;
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lunette-cache-"));
  const storage = await openFolder(folder);
  if (!("store" in storage)) throw new Error(storage.missing);
  ({ store } = storage);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Reads a model as the engine does: every part to its end. */
async function readAll(model: ModelBytes): Promise<{ data: Buffer }> {
  const pieces: Uint8Array[] = [];
  for (let part = 0; part < model.parts; part += 1) {
    const source = await model.open(part);
    for (let piece = await source.next(); piece !== null; piece = await source.next()) pieces.push(piece.slice());
    source.close();
  }
  return { data: Buffer.concat(pieces) };
}

interface Loading {
  work?: (model: ModelBytes) => Promise<{ data: Buffer }>;
  storage?: Storage | undefined;
  control?: CallControl;
  plan?: boolean;
}

/** A whole load, as the host does it. */
async function load(model: ModelSource, how: Loading = {}) {
  const { work = readAll, control = new CallControl(), plan = false } = how;
  const progress: Progress[] = [];
  const meter = new Meter((event) => progress.push(event));
  const storage = "storage" in how ? how.storage : { store };
  const arrival = new Arrival({ source: describeSource(model), Sha256, meter, storage, patience, plan });
  const { data } = await arrive(arrival, control, meter, () => work(arrival));
  return { data, progress, arrival };
}

/** Serves the file, and notes from where on it was asked for. */
async function serve(sabotage: (request: number) => Parameters<typeof sendFile>[3] = () => undefined) {
  const asked: number[] = [];
  const url = await serving((request, response) => {
    if (request.method === "GET") asked.push(begins(request));
    sendFile(request, response, bytes, sabotage(asked.length));
  });
  return { url, asked };
}

const equal = (data: Buffer) => {
  expect(hashOf(data)).toBe(sha256);
};
const nameOf = async (url: string) => fileKey(await modelKey(url), 0);
const recordOf = async (url: string) => parseRecord(await store.readRecord(await nameOf(url)));
const dataOf = async (url: string) => join(folder, `${await nameOf(url)}.gguf`);

describe("a model that is fetched", () => {
  it("is kept, and read from there the next time", async () => {
    const { url, asked } = await serve();
    equal((await load(url)).data);
    expect(await recordOf(url)).toMatchObject({ complete: { sha256, verified: "recorded" }, size: bytes.length });
    const again = await load(url);
    equal(again.data);
    expect(asked).toEqual([0]);
    expect(again.progress.some(({ phase }) => phase === "download")).toBe(false);
  });

  it("is not kept when that is not wanted", async () => {
    const { url, asked } = await serve();
    for (let i = 0; i < 2; i += 1) equal((await load(url, { storage: undefined })).data);
    expect(asked).toEqual([0, 0]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("can be opened again during a load and after it", async () => {
    const { url, asked } = await serve();
    const { arrival, data } = await load(url, {
      async work(model) {
        const first = await model.open(0);
        await first.next();
        first.close();
        return readAll(model);
      },
    });
    equal(data);
    equal((await readAll(arrival)).data);
    expect(asked).toEqual([0]);
    await arrival.dispose();
  });

  it("is checked to its end, though the engine stops before", async () => {
    const { url } = await serve();
    const work = async (model: ModelBytes) => {
      const source = await model.open(0);
      await source.next();
      source.close();
      return { data: Buffer.alloc(0) };
    };
    await load(url, { work });
    expect(await recordOf(url)).toMatchObject({ complete: { sha256 } });
    await expect(load({ url: `${url}?2`, sha256: "0".repeat(64) }, { work })).rejects.toMatchObject({
      code: "integrity",
    });
  });

  it("is read again from the start when the file changes in the middle, but not for ever", async () => {
    let version = 1;
    const changing = await serve((request) => ({
      etag: `"${request === 1 ? 1 : version}"`,
      upTo: request === 1 ? 5_000_000 : Infinity,
    }));
    version = 2;
    equal((await load(changing.url)).data);
    expect(changing.asked).toEqual([0, 5_000_000, 0]);
    const restless = await serve((request) => ({ etag: `"${request}"`, upTo: 5_000_000 }));
    await expect(load(restless.url)).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("given up") as string,
    });
  });
});

describe("a load that was interrupted", () => {
  /** Stops a load when so many bytes have been read, in good order or by a crash. */
  async function interrupt(url: string, at: number, crash = false): Promise<void> {
    const control = new CallControl();
    const crashed: Storage = { store: crash ? withoutTail(store) : store };
    const reading = load(url, {
      control,
      storage: crashed,
      async work(model) {
        const source = await model.open(0);
        for (let read = 0; read < at;) read += (await source.next())?.length ?? 0;
        control.abort();
        throw new Error("stopped");
      },
    });
    await expect(reading).rejects.toThrow();
  }

  /** A disk to which the last record of a load does not get any more. */
  const withoutTail = (whole: Store): Store =>
    new Proxy(whole, {
      get: (target, key) =>
        key === "writeRecord"
          ? (name: string, record: FileRecord) =>
              record.tail === undefined ? target.writeRecord(name, record) : Promise.reject(new Error("crashed"))
          : (Reflect.get(target, key) as (...args: unknown[]) => unknown).bind(target),
    });

  it("goes on at the very byte when it was stopped in good order", async () => {
    const { url, asked } = await serve((request) => (request === 1 ? { upTo: 5_000_001, stay: true } : undefined));
    await interrupt(url, 5_000_001);
    equal((await load(url)).data);
    expect(asked.at(-1)).toBe(5_000_001);
  });

  it("goes on at the last whole chunk when it was not", async () => {
    const { url, asked } = await serve((request) => (request === 1 ? { upTo: 5_000_001, stay: true } : undefined));
    await interrupt(url, 5_000_001, true);
    equal((await load(url)).data);
    expect(asked.at(-1)).toBe(CHUNK_BYTES);
  });

  it("drops a last piece that did not reach the disk", async () => {
    const { url, asked } = await serve((request) => (request === 1 ? { upTo: 5_000_001, stay: true } : undefined));
    await interrupt(url, 5_000_001);
    const file = await readFile(await dataOf(url));
    file[CHUNK_BYTES + 7] = (file[CHUNK_BYTES + 7] ?? 0) ^ 1;
    await writeFile(await dataOf(url), file);
    equal((await load(url)).data);
    expect(asked.at(-1)).toBe(CHUNK_BYTES);
  });

  it.each([
    ["a file that is shorter than its record says", (path: string) => truncate(path, 1000)],
    ["no file", (path: string) => rm(path)],
    [
      "a chunk with a flipped bit",
      async (path: string) => {
        const file = await readFile(path);
        file[99] = (file[99] ?? 0) ^ 1;
        await writeFile(path, file);
      },
    ],
  ])("starts anew with %s", async (_, spoil) => {
    const { url } = await serve((request) => (request === 1 ? { upTo: 5_000_001, stay: true } : undefined));
    await interrupt(url, 5_000_001);
    await spoil(await dataOf(url));
    equal((await load(url)).data);
    expect(await recordOf(url)).toMatchObject({ complete: { sha256 } });
  });

  it("starts anew when the file at the host is another by now", async () => {
    const { url, asked } = await serve((request) =>
      request === 1 ? { upTo: 5_000_001, stay: true } : { etag: '"2"' },
    );
    await interrupt(url, 5_000_001);
    equal((await load(url)).data);
    expect(asked.slice(-2)).toEqual([5_000_001, 0]);
  });
});

describe("a hash", () => {
  it.each([
    ["pinned", (url: string) => ({ url, sha256 }), {}],
    ["host", (url: string) => url, { "x-linked-etag": `"${sha256}"` }],
  ])("that is right is noted: %s", async (verified, model, headers) => {
    const url = await serving((request, response) => {
      for (const [key, value] of Object.entries(headers)) response.setHeader(key, value);
      sendFile(request, response, bytes);
    });
    equal((await load(model(url))).data);
    expect(await recordOf(url)).toMatchObject({ complete: { sha256, verified } });
  });

  it.each([true, false])(
    "that is wrong is an error that names both, and nothing is kept (cache: %s)",
    async (cache) => {
      const flipped = bytes.slice();
      flipped[9_000_000] = (flipped[9_000_000] ?? 0) ^ 1;
      const url = await serving((request, response) => {
        response.setHeader("x-linked-etag", `"${sha256}"`);
        sendFile(request, response, flipped);
      });
      await expect(load(url, { storage: cache ? { store } : undefined })).rejects.toMatchObject({
        code: "integrity",
        message: expect.stringMatching(new RegExp(`${hashOf(flipped)}.*${sha256}`)) as string,
      });
      expect((await readdir(folder)).filter((file) => !file.endsWith(".lock"))).toEqual([]);
    },
  );

  it("of a file that is kept under another address is as good as the address", async () => {
    const { url, asked } = await serve();
    await load(url);
    equal((await load({ url: "http://127.0.0.1:1/elsewhere.gguf", sha256 })).data);
    expect(asked).toEqual([0]);
  });

  it("that the kept file does not have makes it be fetched again", async () => {
    const { url, asked } = await serve();
    await load(url);
    await expect(load({ url, sha256: "0".repeat(64) })).rejects.toMatchObject({ code: "integrity" });
    expect(asked).toEqual([0, 0]);
  });

  it("stands with the size that was promised", async () => {
    const { url } = await serve();
    await expect(load({ url, sha256, bytes: 5 })).rejects.toMatchObject({ code: "integrity" });
    equal((await load({ url, bytes: 5 })).data);
  });

  it("catches a bit that was flipped on the disk, and the file is fetched again", async () => {
    const { url, asked } = await serve();
    await load(url);
    const file = await readFile(await dataOf(url));
    file[2 * CHUNK_BYTES + 5] = (file[2 * CHUNK_BYTES + 5] ?? 0) ^ 4;
    await writeFile(await dataOf(url), file);
    const { data, progress } = await load(url);
    equal(data);
    expect(asked).toEqual([0, 0]);
    expect(progress.some(({ note }) => note?.includes("damaged"))).toBe(true);
  });
});

describe("a record", () => {
  it.each([
    ["no JSON", "{"],
    ["no record", "{}"],
    ["of another format", '{"version":9,"record":{"format":2}}'],
    ["full of nonsense", '{"version":9,"record":{"format":1,"chunks":[7],"size":-1,"complete":true}}'],
  ])("that is %s counts as none", async (_, text) => {
    const { url, asked } = await serve();
    await load(url);
    const name = await nameOf(url);
    for (const slot of [0, 1]) await writeFile(join(folder, `${name}.${slot}.json`), text);
    equal((await load(url)).data);
    expect(asked).toEqual([0, 0]);
  });

  it("that says more than can be true is none", async () => {
    const { url } = await serve();
    await load(url);
    const record = await recordOf(url);
    expect(parseRecord(record)).toBeDefined();
    for (const lie of [
      { chunks: [] },
      { size: 1 },
      { part: 1 },
      { complete: undefined, state: undefined },
      { complete: { sha256, verified: "surely" } },
      { complete: undefined, state: "00", tail: { bytes: CHUNK_BYTES, sha256 } },
    ]) {
      expect(parseRecord({ ...record, ...lie })).toBeUndefined();
    }
  });

  it("survives a crash while the next is written", async () => {
    const texts = new Map<string, string>();
    const slots = new Slots({
      read: (name) => Promise.resolve(texts.get(name)),
      write: (name, text) => Promise.resolve(void texts.set(name, text)),
      remove: (name) => Promise.resolve(void texts.delete(name)),
    });
    for (let n = 1; n <= 5; n += 1) {
      await slots.write("a", { n });
      expect(await slots.read("a")).toEqual({ n });
      const newest = n % 2 === 0 ? "a.0.json" : "a.1.json";
      const whole = texts.get(newest) ?? "";
      texts.set(newest, whole.slice(0, -1));
      expect(await slots.read("a")).toEqual(n === 1 ? undefined : { n: n - 1 });
      texts.set(newest, whole);
      await slots.read("a");
    }
    expect(Slots.names([...texts.keys()])).toEqual(["a"]);
  });
});

describe("a disk", () => {
  const changed = (change: Partial<Store>): Storage => ({
    store: new Proxy(store, {
      get: (target, key) =>
        (change as Record<PropertyKey, unknown>)[key] ??
        (Reflect.get(target, key) as (...args: unknown[]) => unknown).bind(target),
    }),
  });

  it("that is too small is an error before anything is fetched, with the arithmetic", async () => {
    const { url } = await serve();
    const storage = changed({ space: () => Promise.resolve({ quota: 10e6, usage: 4e6, persisted: false }) });
    const need = inUnits(bytes.length);
    await expect(load(url, { storage })).rejects.toMatchObject({
      code: "quota",
      message: expect.stringMatching(
        new RegExp(`needs ${need}.*6\\.0 MB left.*missing.*Models\\.delete.*cache: false`),
      ) as string,
    });
    expect(await readdir(folder)).not.toContain(await dataOf(url));
  });

  it.each([
    ["becomes full", new DOMException("full", "QuotaExceededError"), "the storage is full"],
    ["fails", new Error("I/O error"), "I/O error"],
  ])("that %s in the middle does not keep the model from loading, and it is said", async (_, failure, says) => {
    const { url } = await serve();
    const storage = changed({
      async openToWrite(name) {
        const file = await store.openToWrite(name);
        let writes = 0;
        return new Proxy(file, {
          get(target, key) {
            if (key === "write" && (writes += 1) > 1) throw failure;
            const value: unknown = Reflect.get(target, key);
            return typeof value === "function" ? (value as (...args: unknown[]) => unknown).bind(target) : value;
          },
        });
      },
    });
    const { data, progress } = await load(url, { storage });
    equal(data);
    expect(progress.at(-1)?.note).toContain(says);
    expect(await store.names()).toEqual([]);
  });
});

describe("a split model", () => {
  const cuts = [0, 1_000_000, 6_000_000, 7_000_000, 9_000_000, bytes.length];
  const pieces = cuts.slice(1).map((end, part) => bytes.subarray(cuts[part], end));
  const name = (part: number) => `/m-0000${part + 1}-of-0000${pieces.length}.gguf`;

  async function serveParts() {
    const log: string[] = [];
    let open = 0;
    let most = 0;
    const url = await serving((request, response) => {
      const part = pieces.findIndex((_, part) => request.url === name(part));
      const piece = pieces[part];
      if (piece === undefined) return void response.writeHead(404).end();
      log.push(`${request.method ?? ""} ${part}${begins(request) > 0 ? "…" : ""}`);
      if (request.method === "GET") {
        most = Math.max(most, (open += 1));
        response.on("close", () => (open -= 1));
      }
      setTimeout(() => {
        sendFile(request, response, piece);
      }, 30);
    });
    return { url: new URL(name(0), url).href, log, most: () => most };
  }

  it("arrives with several parts at a time, and is read in order", async () => {
    const { url, log, most } = await serveParts();
    const { data, progress } = await load({ url, sha256: pieces.map((piece) => hashOf(piece)) });
    equal(data);
    expect(most()).toBe(4);
    expect(progress.filter(({ phase }) => phase === "download").every(({ total }) => total === bytes.length)).toBe(
      true,
    );
    equal((await load(url)).data);
    expect(log.filter((entry) => entry.startsWith("GET")).sort()).toEqual(pieces.map((_, part) => `GET ${part}`));
    expect(await Library.in({ store }).list()).toMatchObject([{ bytes: bytes.length, complete: true }]);
  });

  it("arrives part by part without a cache", async () => {
    const { url, most } = await serveParts();
    equal((await load(url, { storage: undefined })).data);
    expect(most()).toBe(1);
  });

  it("has all its headers read before its weights", async () => {
    const { url, log } = await serveParts();
    const heads = async (model: ModelBytes) => {
      for (let part = 0; part < model.parts; part += 1) {
        const source: ByteSource = await model.open(part);
        expect((await source.next())?.length).toBeGreaterThan(0);
        source.close();
      }
      return readAll(model);
    };
    equal((await load(url, { work: heads })).data);
    expect(log.filter((entry) => entry === "GET 4…").length).toBeLessThanOrEqual(1);
  });

  it("is refused when a hash of one part is wrong", async () => {
    const { url } = await serveParts();
    const hashes = pieces.map((piece) => hashOf(piece));
    hashes[3] = "0".repeat(64);
    await expect(load({ url, sha256: hashes })).rejects.toMatchObject({ code: "integrity" });
  });
});

describe("a plan", () => {
  it("fetches little more than is read, which the load then has", async () => {
    const { url, asked } = await serve();
    const { arrival } = await load(url, {
      plan: true,
      async work(model) {
        const source = await model.open(0);
        await source.next();
        source.close();
        return { data: Buffer.alloc(0) };
      },
    });
    expect(arrival.arrived).toBe(0);
    const [partial] = await Library.in({ store }).list();
    expect(partial).toMatchObject({ complete: false, total: bytes.length });
    expect(partial?.bytes).toBeGreaterThan(0);
    expect(partial?.bytes).toBeLessThan(CHUNK_BYTES);
    equal((await load(url)).data);
    expect(asked).toEqual([0, partial?.bytes]);
  });
});

describe("the library", () => {
  const library = () => Library.in({ store });

  it("lists, exports and deletes by identity, name and address", async () => {
    const { url } = await serve();
    for (const by of ["id", "name", "url"] as const) {
      await load({ url: `${url}?token=secret`, name: "My judge", license: "MIT" });
      const [model, ...others] = await library().list();
      expect(others).toEqual([]);
      expect(model).toMatchObject({
        name: "My judge",
        url,
        bytes: bytes.length,
        complete: true,
        sha256,
        license: "MIT",
      });
      const id = model?.[by] ?? "";
      const address = by === "url" ? id : undefined;
      equal(Buffer.from(await (await library().export(id, address)).arrayBuffer()));
      expect((await library().usage()).models).toBe(bytes.length);
      await library().delete(id, address);
      expect(await readdir(folder)).toEqual([]);
    }
    await library().delete("not there");
    await expect(library().export("not there")).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("does not delete what is being loaded", async () => {
    const { url } = await serve();
    await load(url, {
      async work(model) {
        await expect(library().delete("", url)).rejects.toMatchObject({ code: "in-use" });
        return readAll(model);
      },
    });
    await library().delete("", url);
  });

  it("takes files in, which then need no network", async () => {
    const file = new File([bytes], "judge.gguf");
    const imported = await library().import(file, undefined, Sha256);
    expect(imported).toMatchObject({ name: "judge.gguf", complete: true, sha256, verified: "recorded" });
    equal((await load(imported.url)).data);
    const source = describeSource({ url: "https://models.example/j.gguf", sha256 });
    if (source.kind !== "url") throw new Error("it has a URL");
    expect(await library().import(file, source, Sha256)).toMatchObject({ verified: "pinned" });
    equal((await load("https://models.example/j.gguf")).data);
    await library().delete(imported.id);
    await expect(load(imported.url)).rejects.toMatchObject({ code: "source" });
    const other = { ...source, sha256: ["0".repeat(64)] };
    await expect(library().import(file, other, Sha256)).rejects.toMatchObject({ code: "integrity" });
    expect((await readdir(folder)).filter((name) => name.endsWith(".gguf"))).toEqual([]);
  });
});

describe("two loads of the same model", () => {
  it("wait for one another, and fetch it once", async () => {
    const { url, asked } = await serve();
    const loads = await Promise.all([load(url), load(url)]);
    for (const { data } of loads) equal(data);
    expect(asked).toEqual([0]);
    expect(loads.filter(({ progress }) => progress.some(({ phase }) => phase === "wait"))).toHaveLength(1);
  });

  it("are not held up by a process that has died", async () => {
    const { url } = await serve();
    // No process has this number: it is above what any system gives.
    await writeFile(join(folder, `${await modelKey(url)}.lock`), "999999999");
    equal((await load(url)).data);
  });
});
