import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { openSource } from "../src/bytes.js";
import { describeSource } from "../src/source.js";
import type { ModelSource } from "../src/types.js";
import { drain } from "./fake-engine.js";

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serving(listener: RequestListener): Promise<string> {
  const started = (server = createServer(listener));
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(started.address() as AddressInfo).port}/model.gguf`;
}

const open = (model: ModelSource, signal = new AbortController().signal) => openSource(describeSource(model), signal);

describe("describeSource", () => {
  it("takes a URL as text, as an object and with what is known of it", () => {
    const url = "https://models.example/judge.gguf";
    expect(describeSource(url)).toEqual({ kind: "url", parts: [url] });
    expect(describeSource(new URL(url))).toEqual({ kind: "url", parts: [url] });
    expect(describeSource({ url, bytes: 5, license: "MIT" })).toEqual({
      kind: "url",
      parts: [url],
      bytes: 5,
      license: "MIT",
    });
  });

  it.each<[unknown]>([["models/judge.gguf"], [""], [null], [undefined], [7], [{}], [{ url: 7 }], [new Uint8Array(4)]])(
    "refuses %j",
    (model) => {
      expect(() => describeSource(model as ModelSource)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    },
  );
});

describe("a file", () => {
  const bytes = Uint8Array.from({ length: (4 << 20) + 3 }, (_, index) => index);

  it.each([
    ["Blob", new Blob([bytes])],
    ["ArrayBuffer", bytes.buffer],
  ])("is read in slices from a %s", async (_, model) => {
    const source = await open(model);
    expect(source.size).toBe(bytes.length);
    const first = await source.next();
    const second = await source.next();
    expect(first?.length).toBe(4 << 20);
    expect(Buffer.compare(Buffer.concat([first ?? bytes, second ?? bytes]), bytes)).toBe(0);
    expect(await source.next()).toBeNull();
  });

  it("leaves the caller's ArrayBuffer usable", async () => {
    const { buffer } = new Uint8Array(8);
    await drain(await open(buffer));
    expect(buffer.byteLength).toBe(8);
  });

  it("that has changed since it was chosen is a typed error", async () => {
    const blob = new Blob(["abc"]);
    blob.slice = () =>
      ({ size: 3, arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) }) as unknown as Blob;
    await expect((await open(blob)).next()).rejects.toMatchObject({
      code: "source",
      cause: { name: "NotReadableError" },
    });
  });
});

describe("a URL", () => {
  it("is streamed, in one request", async () => {
    let requests = 0;
    const url = await serving((_, response) => {
      requests += 1;
      response.end(Buffer.alloc(300_000));
    });
    const source = await open(url);
    expect(await drain(source)).toBe(300_000);
    expect(requests).toBe(1);
  });

  it("says its size, or takes the caller's word for it", async () => {
    const url = await serving((request, response) => {
      if (request.url?.endsWith("?sized")) response.setHeader("content-length", 4);
      response.write("abcd");
      response.end();
    });
    expect((await open(`${url}?sized`)).size).toBe(4);
    expect((await open(url)).size).toBeUndefined();
    expect((await open({ url, bytes: 4 })).size).toBe(4);
  });

  it("that is not there is a typed error with the status", async () => {
    const url = await serving((_, response) => response.writeHead(404).end());
    await expect(open(url)).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("404 Not Found") as string,
    });
  });

  it("that answers with a page is a typed error", async () => {
    const url = await serving((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    await expect(open(url)).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("a web page") as string,
    });
  });

  it("that nobody serves is a typed error with its cause", async () => {
    const url = await serving(() => undefined);
    server?.close();
    await expect(open(url)).rejects.toMatchObject({ code: "source", cause: expect.any(TypeError) as TypeError });
  });

  it("that breaks off says how far it came", async () => {
    const url = await serving((_, response) => {
      response.writeHead(200, { "content-length": 1000 });
      response.write("x".repeat(100), () => {
        setTimeout(() => {
          response.destroy();
        }, 20);
      });
    });
    const source = await open(url);
    await expect(drain(source)).rejects.toMatchObject({
      code: "source",
      message: expect.stringContaining("after 100 bytes") as string,
    });
    expect(source.failure?.code).toBe("source");
  });

  it("lets go when aborted", async () => {
    let closed: () => void = () => undefined;
    const closing = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const url = await serving((_, response) => {
      response.on("close", closed);
      response.write("begin");
    });
    const aborting = new AbortController();
    await (await open(url, aborting.signal)).next();
    aborting.abort();
    await closing;
  });
});
