import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { modelKey } from "../src/worker/cache/address.js";
import { Library } from "../src/worker/cache/library.js";
import { CHUNK_BYTES } from "../src/worker/cache/record.js";
import type { ByteSource, ModelBytes } from "../src/wire/wasm-contract.js";
import { bytes, equal, folder, hashOf, load, readAll, serve, store } from "./loads.js";
import { begins, sendFile, serving } from "./serving.js";

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

describe("a load that kept nothing", () => {
  it("leaves nothing to list", async () => {
    const url = await serving((_, response) => void response.writeHead(404).end());
    await expect(load(url)).rejects.toMatchObject({ code: "source" });
    expect(await Library.in({ store }).list()).toEqual([]);
    expect(await store.names()).toEqual([]);
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
    // No process has this ID: it is above the limit of every system.
    await writeFile(join(folder, `${await modelKey(url)}.lock`), "999999999");
    equal((await load(url)).data);
  });

  it("are not held up by a lock without an owner that the clock says is of tomorrow", async () => {
    const { url } = await serve();
    const lock = join(folder, `${await modelKey(url)}.lock`);
    await writeFile(lock, "");
    const tomorrow = Date.now() / 1000 + 86_400;
    await utimes(lock, tomorrow, tomorrow);
    equal((await load(url)).data);
  });
});
