import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { seeRedirects } from "../src/node/redirects.js";
import { useFetch } from "../src/worker/source/fetch.js";
import { Changed, Download, sizeOf } from "../src/worker/source/http.js";
import type { DownloadOptions } from "../src/worker/source/http.js";
import { delayMs, RETRY_POLICY, retryAfterMs } from "../src/worker/source/retry.js";
import { compare, readHeaders } from "../src/worker/source/response.js";
import { begins, noise, sendFile, serving } from "./serving.js";

const bytes = noise(300_000);
const retry = { attempts: 4, firstDelayMs: 1, longestDelayMs: 5, longestRetryAfterMs: 50, stallMs: 200 };
const signal = new AbortController().signal;
const containing = (text: string) => expect.stringContaining(text) as string;

/** Reads to the end. */
async function fetchAll(url: string, options: Partial<DownloadOptions> = {}): Promise<Buffer> {
  const download = new Download(url, { signal, retry, ...options });
  await download.begin();
  const pieces: Uint8Array[] = [];
  for (let piece = await download.next(); piece !== null; piece = await download.next()) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("a download", () => {
  it("is one request when nothing goes wrong, and says what the server says", async () => {
    const listener = vi.fn((...[request, response]: Parameters<Parameters<typeof serving>[0]>) => {
      sendFile(request, response, bytes);
    });
    const url = await serving(listener);
    const download = new Download(url, { signal });
    expect(await download.begin()).toMatchObject({ size: bytes.length, etag: '"1"' });
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
    expect(listener).toHaveBeenCalledTimes(2);
    download.close();
  });

  it("goes on where the connection broke, as often as it breaks, if only bytes come in between", async () => {
    const asked: (string | undefined)[] = [];
    const url = await serving((request, response) => {
      asked.push(request.headers["if-range"] as string | undefined);
      sendFile(request, response, bytes, { upTo: asked.length <= 20 ? 10_000 : Infinity });
    });
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
    expect(asked).toHaveLength(21);
    expect(asked.slice(1).every((etag) => etag === '"1"')).toBe(true);
  });

  it("passes over what it has where the server sends no parts", async () => {
    let requests = 0;
    const url = await serving((request, response) => {
      delete request.headers.range;
      sendFile(request, response, bytes, { upTo: (requests += 1) === 1 ? 100_000 : Infinity });
    });
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
  });

  it.each([
    ["another ETag", { etag: '"2"' }],
    ["another ETag, and no regard for If-Range", { etag: '"2"', stubborn: true }],
    ["another size", { shorter: true }],
  ])("is over when the file has changed: %s", async (_, { etag, stubborn, shorter }: Record<string, unknown>) => {
    let requests = 0;
    const url = await serving((request, response) => {
      if (stubborn === true || shorter === true) delete request.headers["if-range"];
      if ((requests += 1) === 1) sendFile(request, response, bytes, { upTo: 100_000 });
      else {
        const other = shorter === true ? bytes.subarray(0, 200_000) : bytes;
        sendFile(request, response, other, { etag: (etag as string | undefined) ?? '"1"' });
      }
    });
    await expect(fetchAll(url)).rejects.toBeInstanceOf(Changed);
  });

  it("does not go on with a file of another day that nothing identifies", async () => {
    const url = await serving((request, response) => {
      const from = begins(request);
      response.writeHead(206, { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
      response.end(bytes.subarray(from));
    });
    await expect(fetchAll(url, { from: 1000, known: { size: bytes.length } })).rejects.toBeInstanceOf(Changed);
  });

  it.each([408, 429, 500, 502, 503, 504])("tries again after status %d", async (status) => {
    let requests = 0;
    const url = await serving((request, response) => {
      if ((requests += 1) < 3) response.writeHead(status).end();
      else sendFile(request, response, bytes);
    });
    expect(await fetchAll(url)).toHaveLength(bytes.length);
    expect(requests).toBe(3);
  });

  it.each([
    [400, "400"],
    [401, "sign-in"],
    [403, "Access is denied"],
    [404, "Check the address"],
    [410, "410"],
  ])("does not try again after status %d", async (status, says) => {
    let requests = 0;
    const url = await serving((_, response) => {
      requests += 1;
      response.writeHead(status).end();
    });
    await expect(fetchAll(url)).rejects.toMatchObject({ code: "source", message: containing(says) });
    expect(requests).toBe(1);
  });

  it("gives up on a server that does not come back, and says how far it came", async () => {
    let requests = 0;
    const notes: (string | undefined)[] = [];
    const url = await serving((request, response) => {
      if ((requests += 1) === 1) sendFile(request, response, bytes, { upTo: 100_000 });
      else response.writeHead(503).end();
    });
    const onNote = (note: string | undefined) => notes.push(note);
    await expect(fetchAll(url, { onNote })).rejects.toMatchObject({
      code: "network",
      message: containing("after 100000 bytes"),
    });
    expect(requests).toBe(retry.attempts);
    expect(notes).toContainEqual(containing("attempt 3 of 4"));
  });

  it("gives up on a server that is not there", async () => {
    await expect(fetchAll("http://127.0.0.1:1/model.gguf")).rejects.toMatchObject({
      code: "network",
      cause: expect.any(TypeError) as TypeError,
    });
  });

  it("takes silence for a broken connection, before the headers and after", async () => {
    let requests = 0;
    const url = await serving((request, response) => {
      requests += 1;
      if (requests === 1) return;
      if (requests === 2) {
        response.writeHead(200, { "content-length": bytes.length, etag: '"1"' });
        response.write(bytes.subarray(0, 5000));
        return;
      }
      sendFile(request, response, bytes);
    });
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
    expect(requests).toBe(3);
  });

  it("tries again when less comes than was announced, without the connection breaking", async () => {
    let requests = 0;
    const url = await serving((request, response) => {
      const from = begins(request);
      response.writeHead(206, { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
      response.end(bytes.subarray(from, (requests += 1) === 1 ? 70_000 : undefined));
    });
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
  });

  it("cuts off and refuses what is longer than announced", async () => {
    const url = await serving((_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-999/1000" });
      response.end(bytes);
    });
    await expect(fetchAll(url)).rejects.toMatchObject({ code: "source", message: containing("more than the 1000") });
  });

  it("refuses a page", async () => {
    const url = await serving((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    await expect(fetchAll(url)).rejects.toMatchObject({ code: "source", message: containing("a web page") });
  });

  it("lets go when aborted, while it reads and while it waits", async () => {
    for (const status of [200, 503]) {
      const url = await serving((_, response) => response.writeHead(status).write("begin"));
      const aborting = new AbortController();
      const slow = { ...retry, firstDelayMs: 60_000, longestDelayMs: 60_000, stallMs: 60_000 };
      const reading = fetchAll(url, { signal: aborting.signal, retry: slow });
      setTimeout(() => {
        aborting.abort();
      }, 30);
      await expect(reading).rejects.toMatchObject({ code: "aborted" });
    }
  });
});

describe("retry", () => {
  it("doubles its delays up to a limit, with jitter", () => {
    const at = (failures: number, random: number) => delayMs(RETRY_POLICY, failures, 0, random);
    expect([1, 2, 3, 9].map((failures) => at(failures, 1))).toEqual([500, 1000, 2000, RETRY_POLICY.longestDelayMs]);
    expect(at(1, 0)).toBe(250);
  });

  it("does as the server asks, within reason", () => {
    expect(delayMs(RETRY_POLICY, 1, 7000, 0)).toBe(7000);
    expect(delayMs(RETRY_POLICY, 1, 3_600_000, 0)).toBe(RETRY_POLICY.longestRetryAfterMs);
    const now = Date.parse("2026-01-01T00:00:00Z");
    expect(retryAfterMs("3", now)).toBe(3000);
    expect(retryAfterMs("Thu, 01 Jan 2026 00:00:09 GMT", now)).toBe(9000);
    for (const nonsense of [null, "", "soon", "-5"]) expect(retryAfterMs(nonsense, now)).toBe(0);
  });
});

describe("a response", () => {
  const hash = "a".repeat(64);
  const read = (headers: Record<string, string>, status = 200, from = 0) =>
    readHeaders(new Response("", { status, headers }), from);

  it("tells sizes, whatever it is a part of", () => {
    expect(read({ "content-length": "7" })).toEqual({ begin: 0, size: 7 });
    expect(read({ "content-length": "7", "content-encoding": "gzip" })).toEqual({ begin: 0 });
    expect(read({ "content-range": "bytes 5-6/7" }, 206, 5)).toEqual({ begin: 5, size: 7 });
    // CORS may hide Content-Range.
    expect(read({ "content-length": "2" }, 206, 5)).toEqual({ begin: 5, size: 7 });
    expect(read({ "content-length": "1e3" })).toEqual({ begin: 0 });
  });

  it("tells the hash that a hub announces", () => {
    expect(read({ "x-linked-etag": `"${hash}"`, etag: '"x"' }).sha256).toBe(hash);
    expect(read({ "x-linked-etag": `W/"${hash.toUpperCase()}"` }).sha256).toBe(hash);
    expect(read({ "x-linked-etag": '"d41d8cd98f00b204e9800998ecf8427e"' }).sha256).toBeUndefined();
    // An ETag may be any hash.
    expect(read({ etag: `"${hash}"` }).sha256).toBeUndefined();
  });

  it.each([
    ["the same", { etag: '"1"' }, { etag: 'W/"1"' }, "same"],
    ["another ETag", { etag: '"1"', size: 5 }, { etag: '"2"', size: 5 }, "other"],
    ["another size", { etag: '"1"', size: 5 }, { etag: '"1"', size: 6 }, "other"],
    ["the same date", { modified: "a" }, { modified: "a", etag: '"1"' }, "same"],
    ["another date", { modified: "a" }, { modified: "b" }, "other"],
    ["nothing to go by", { size: 5 }, { size: 5 }, "unknown"],
  ])("is compared with the one before: %s", (_, before, after, verdict) => {
    expect(compare(before, after)).toBe(verdict);
  });
});

describe("a hub's redirect", () => {
  const hash = "ab".repeat(32);
  const redirecting = (headers: Record<string, string | number>) =>
    serving((request, response) => {
      if (request.url === "/model.gguf") response.writeHead(302, { location: "/elsewhere", ...headers }).end();
      else sendFile(request, response, bytes);
    });

  beforeAll(seeRedirects);
  afterAll(() => {
    useFetch(async (url, init) => ({ response: await fetch(url, init), linked: {} }));
  });

  it("says the file's hash and size, where redirects can be seen", async () => {
    const url = await redirecting({ "x-linked-etag": `"${hash}"`, "x-linked-size": bytes.length });
    const download = new Download(url, { signal, retry });
    expect(await download.begin()).toMatchObject({ sha256: hash, size: bytes.length });
    download.close();
    expect(await sizeOf(url, signal)).toBe(bytes.length);
    expect(Buffer.compare(await fetchAll(url), bytes)).toBe(0);
  });

  it("is believed more than the storage that it leads to", async () => {
    const url = await redirecting({ "x-linked-size": bytes.length + 1 });
    await expect(fetchAll(url)).rejects.toMatchObject({ code: "integrity", message: containing("The hub says") });
  });

  it("is followed only so often", async () => {
    const url = await serving((_, response) => void response.writeHead(302, { location: "/model.gguf" }).end());
    await expect(fetchAll(url)).rejects.toMatchObject({ code: "network" });
  });
});
