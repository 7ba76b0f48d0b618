import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Library } from "../src/worker/cache/library.js";
import { describeSource } from "../src/api/source.js";
import { bytes, equal, folder, load, readAll, serve, Sha256, sha256, store } from "./loads.js";

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

  it("removes the bytes of a load that ended before it had a record, but not of one that is on its way", async () => {
    const { url } = await serve();
    await writeFile(join(folder, `${"0".repeat(32)}-0.gguf`), "torn");
    await load(url, {
      async work(model) {
        await library().list();
        return readAll(model);
      },
    });
    const [kept] = await library().list();
    expect((await readdir(folder)).filter((name) => name.endsWith(".gguf"))).toEqual([`${kept?.id ?? ""}-0.gguf`]);
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
