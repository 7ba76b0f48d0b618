// Addresses on a hub: those that redirect to the storage, and those that are not the file's own.
import { readdir } from "node:fs/promises";
import { beforeAll, describe, expect, it } from "vitest";
import { seeRedirects } from "../src/node/redirects.js";
import { Library } from "../src/worker/cache/library.js";
import { bytes, equal, folder, load, recordOf, sha256, store } from "./loads.js";
import { sendFile, serving } from "./serving.js";

const containing = (text: string) => expect.stringContaining(text) as string;

beforeAll(seeRedirects);

interface Hub {
  /** Headers of the redirect. */
  linked?: Record<string, string>;
  /** The ETag with the bytes. */
  etag?: string;
}

/** A hub that redirects twice: to a renamed repository, then to another server's copy. Returns the first address. */
async function hub({ linked = {}, etag = '"1"' }: Hub): Promise<string> {
  const copy = await serving((request, response) => sendFile(request, response, bytes, { etag }));
  const address = await serving((request, response) => {
    const [location, headers] = request.url === "/new.gguf" ? [copy, linked] : ["/new.gguf", {}];
    response.writeHead(302, { ...headers, location }).end();
  });
  return address;
}

describe("a hub's redirect", () => {
  const linked = { "x-linked-etag": `"${sha256}"`, "x-linked-size": String(bytes.length) };

  it("states a hash and a size that the file is checked against", async () => {
    const url = await hub({ linked });
    equal((await load(url)).data);
    expect((await recordOf(url))?.complete).toMatchObject({ sha256, verified: "host" });
  });

  // A hub's storage has ETags of 64 digits that are no SHA-256 of the file.
  it.each([{ linked }, { linked: {} }])("leads to an ETag that is not taken for a hash: %o", async ({ linked }) => {
    const url = await hub({ linked, etag: `"${"a".repeat(64)}"` });
    equal((await load(url)).data);
    equal((await load(url, { storage: undefined })).data);
  });

  it.each([{ storage: undefined }, {}])("is an error where its hash is not the file's: %o", async (how) => {
    const url = await hub({ linked: { "x-linked-etag": `"${"0".repeat(64)}"` } });
    await expect(load(url, how)).rejects.toMatchObject({ code: "integrity", message: containing(sha256) });
    expect(await readdir(folder)).toEqual([]);
  });

  it.each([{ storage: undefined }, {}])("is an error where its size is not the file's: %o", async (how) => {
    const url = await hub({ linked: { ...linked, "x-linked-size": "1000000000" } });
    const refused = {
      code: "integrity",
      message: containing(`has 1000000000 bytes, but its storage sends ${bytes.length}`),
    };
    await expect(load(url, how)).rejects.toMatchObject(refused);
    expect(await readdir(folder)).toEqual([]);
  });

  it("that leads round in circles, or to no server, is an error", async () => {
    for (const location of ["/model.gguf", "file:///etc/passwd"]) {
      const url = await serving((_, response) => response.writeHead(302, { location }).end());
      await expect(load(url)).rejects.toMatchObject({ code: "network" });
    }
  });
});

describe("an address that is not the file's own", () => {
  it("of a page with a hub's /blob/ is told the one with /resolve/", async () => {
    const page = await serving((_, response) => response.writeHead(200, { "content-type": "text/html" }).end("<html>"));
    const url = page.replace("/model.gguf", "/maker/model/blob/main/model.gguf");
    const right = url.replace("/blob/", "/resolve/");
    await expect(load(url)).rejects.toMatchObject({ code: "source", message: containing(right) });
    await expect(load(page)).rejects.toMatchObject({ code: "source", message: containing("/resolve/") });
  });

  it("of a Git LFS pointer is named by its size, where the model's is known", async () => {
    const pointer = new TextEncoder().encode(
      `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256}\nsize 9\n`,
    );
    const url = await serving((request, response) => sendFile(request, response, pointer));
    const known = { url, sha256, bytes: bytes.length };
    await expect(load(known)).rejects.toMatchObject({ code: "integrity", message: containing("/resolve/") });
  });
});

describe("a load that failed before a byte came", () => {
  it.each([401, 404, 500])("leaves nothing in the cache: %d", async (status) => {
    const url = await serving((_, response) => response.writeHead(status).end());
    await expect(load(url)).rejects.toMatchObject({ code: status === 500 ? "network" : "source" });
    expect(await Library.in({ store }).list()).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("does not touch what earlier loads have kept", async () => {
    let broken = false;
    const url = await serving((request, response) => {
      if (broken) response.writeHead(404).end();
      else sendFile(request, response, bytes, { upTo: 5_000_000 });
      broken = true;
    });
    await expect(load(url)).rejects.toMatchObject({ code: "source" });
    await expect(load(url)).rejects.toMatchObject({ code: "source" });
    expect((await Library.in({ store }).list())[0]?.bytes).toBe(5_000_000);
  });
});
