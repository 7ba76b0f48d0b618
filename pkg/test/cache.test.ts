import { readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CHUNK_BYTES, parseRecord } from "../src/worker/cache/record.js";
import type { FileRecord } from "../src/worker/cache/record.js";
import { inUnits } from "../src/worker/cache/room.js";
import { Slots } from "../src/worker/cache/slots.js";
import type { Storage, Store } from "../src/worker/cache/store.js";
import { CallControl } from "../src/worker/control.js";
import type { ModelBytes } from "../src/wire/wasm-contract.js";
import {
  bytes,
  dataOf,
  equal,
  folder,
  hashOf,
  load,
  nameOf,
  readAll,
  recordOf,
  serve,
  sha256,
  store,
} from "./loads.js";
import { sendFile, serving } from "./serving.js";

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
  /** Stops a load after this many bytes, in order or by a crash. */
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

  /** A disk that loses the last record of a load. */
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
