// Loads, caches and deletes a judge in the page; the page without a network, and in other folders.

import assert from "node:assert/strict";
import { createReadStream, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import sirv from "sirv";
import { tinyJudge } from "./gguf.mjs";
import { launch, model, root } from "./lib.mjs";
import { minutes, server } from "./session.mjs";
import { judge, load, LOADED, loadedPage, part, visit } from "./visitor.mjs";

const SIZE = readFileSync(model).byteLength;

describe("the page's load view", () => {
  test("a first visit is offered the small judge, with what it is and whether it fits", minutes(3), async () => {
    const { page, context, troubles } = await visit();
    const card = part(page, "card-smollm2-135m");
    const text = await card.innerText();
    for (const part of ["98 MB", "134.5M parameters", "Apache-2.0", "English", "this site", "demonstration"]) {
      assert.ok(text.includes(part), `${part} is told`);
    }
    await card.getByText("This machine can hold it").waitFor({ timeout: 60_000 });
    await card.getByText("The arithmetic").click();
    assert.match(await card.locator("ul").innerText(), /\d/);
    const selene = await part(page, "card-selene-1-mini").innerText();
    for (const part of ["4.92 GB", "Llama 3.1 Community License", "huggingface.co", "7 GB"]) {
      assert.ok(selene.includes(part), `${part} is told`);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test(
    "the catalogue is grouped by what the machine should hold, narrowed down, and one is advised",
    minutes(3),
    async () => {
      const { page, context, troubles } = await visit();
      await page.getByText("more models of the catalogue").click();
      const group = (name) => page.locator("h3", { hasText: name }).locator("+ div article h3");
      const holdable = await group("This machine should hold").allInnerTexts();
      // Without a GPU the weights lie in a WebAssembly memory, which ends at 4 GiB.
      assert.ok(holdable.includes("Qwen2.5 0.5B Instruct") && !holdable.includes("Prometheus 2 7B"), holdable.join());
      const larger = await group("Larger than this machine").allInnerTexts();
      assert.ok(larger.includes("Prometheus 2 7B"), larger.join());
      const advice = part(page, "advice");
      await advice.getByText("We would take").waitFor();

      await part(page, "filter-language").selectOption("ja");
      await part(page, "filter-size").selectOption("700000000");
      await part(page, "filter-licence").selectOption("permissive");
      await advice.getByText("We would take Qwen3 0.6B.").waitFor();
      assert.deepEqual(await group("This machine should hold").allInnerTexts(), [
        "Qwen2.5 0.5B Instruct",
        "Qwen3 0.6B",
      ]);
      await part(page, "filter-language").selectOption("th");
      await part(page, "filter-size").selectOption("0");
      assert.ok((await group("This machine should hold").count()) > 2);
      assert.deepEqual(troubles, []);
      await context.close();
    },
  );

  test("a load tells its phases, stops on demand and goes on where it stopped", minutes(5), async (t) => {
    const slow = await slowServer();
    t.after(() => slow.close());
    const { page, context } = await visit();
    await part(page, "backend").selectOption("wasm");
    await part(page, "url").fill(slow.url);
    await part(page, "load-url").click();
    await part(page, "phase").filter({ hasText: "Downloading" }).waitFor();
    await page.getByText(/\d+ MB of 98 MB, .* a second, \d+ s left/).waitFor({ timeout: 60_000 });
    assert.ok((await part(page, "progress").getAttribute("value")) > 0);
    await part(page, "cancel-load").click();
    const kept = part(page, "shelf").locator("li").filter({ hasText: "judge" });
    await kept.getByText(/[\d.]+ MB of 98 MB, not complete/).waitFor();

    const before = slow.sent();
    slow.unbrake();
    await kept.getByTestId("shelf-load").click();
    await part(page, "judge-facts").waitFor({ timeout: LOADED });
    const again = slow.sent() - before;
    assert.ok(again < SIZE, `${again} bytes were fetched after the pause, of ${SIZE}`);
    await context.close();
  });

  test("kept models are listed and deleted", minutes(5), async () => {
    const { page, context } = await visit();
    await load(page);
    await part(page, "change").click();
    const shelf = part(page, "shelf");
    await shelf.getByText("Kept on this machine: 1 model, 98 MB").click();
    await shelf.getByText("every byte as the catalogue says").waitFor();
    assert.match(await part(page, "usage").innerText(), /\d+ MB of the .* that this browser grants/);
    await part(page, "change").click();
    await part(page, "load-panel").waitFor({ state: "detached" });
    await part(page, "change").click();
    await part(page, "delete").click();
    await part(page, "delete-yes").click();
    await shelf.getByText("nothing yet").waitFor();
    await context.close();
  });

  test("a file that was picked or dropped is read where it lies", minutes(6), async () => {
    const { page, context, troubles } = await visit();
    await part(page, "backend").selectOption("wasm");
    await part(page, "file").setInputFiles(model);
    await part(page, "judge-facts").waitFor({ timeout: LOADED });
    await part(page, "change").click();
    // The header of the catalogue's model may be cached by a plan, but this file is not.
    const shelf = await part(page, "shelf").getByText("Kept on this machine").innerText();
    assert.doesNotMatch(shelf, /98 MB/);

    const dropped = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(["not a model"], "wrong.gguf"));
      return transfer;
    });
    await page.dispatchEvent("body", "drop", { dataTransfer: dropped });
    await part(page, "error").filter({ hasText: "invalid-file" }).waitFor({ timeout: 60_000 });
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a GPU that goes away is told of, and the verdict comes all the same", minutes(5), async (t) => {
    (await server()).files.set("tiny-judge.gguf", tinyJudge());
    // The crash hits a process of the whole browser, so use a separate one.
    const own = await launch();
    t.after(() => own.close());
    const { page, troubles } = await visit({ context: await own.newContext() });
    await part(page, "backend").selectOption("webgpu");
    await part(page, "url").fill(`${(await server()).origin}/files/tiny-judge.gguf`);
    await part(page, "load-url").click();
    await part(page, "judge-facts").waitFor({ timeout: LOADED });
    await judge(page);
    const expected = await part(page, "score").innerText();
    const session = await own.newBrowserCDPSession();
    await session.send("Browser.crashGpuProcess");
    await judge(page);
    assert.equal(await part(page, "score").innerText(), expected);
    const notice = part(page, "recovery");
    assert.match(await notice.innerText(), /is back\. Nothing was lost\./);
    await notice.getByText("Dismiss").click();
    await notice.waitFor({ state: "detached" });
    assert.deepEqual(troubles, []);
  });

  test("an address without a model is explained", minutes(2), async () => {
    const { origin } = await server();
    const { page, context } = await visit();
    await part(page, "url").fill(`${origin}/files/nowhere.gguf`);
    await part(page, "load-url").click();
    await part(page, "error").filter({ hasText: /404/ }).waitFor({ timeout: 60_000 });
    assert.ok(await part(page, "load").isVisible(), "another judge can be chosen");
    await context.close();
  });

  test("a judge that was kept is there without a network, and so is the page", minutes(6), async () => {
    const { page, context, troubles } = await visit();
    await load(page);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await page.reload();
    await load(page);
    await judge(page);
    assert.match(await part(page, "score").innerText(), /^[1-5]$/);
    assert.equal(await part(page, "request-count").innerText(), "0 requests since the judge was loaded");
    await part(page, "privacy").click();
    await part(page, "requests").getByText("from this machine").first().waitFor();
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("the build works from a folder of a plain host", minutes(5), async (t) => {
    const at = "/some/where/";
    const handlers = [
      [`${at}models/`, sirv(dirname(model), { dev: true })],
      [at, sirv(join(root, "www/dist"), { dev: true })],
    ];
    const host = createServer((request, response) => {
      const missing = () => response.writeHead(404).end("not found");
      const [prefix, handler] = handlers.find(([prefix]) => request.url.startsWith(prefix)) ?? [];
      if (prefix === undefined) return missing();
      request.url = request.url.slice(prefix.length - 1);
      return handler(request, response, missing);
    });
    await new Promise((listening) => host.listen(0, "127.0.0.1", listening));
    t.after(() => {
      host.closeAllConnections();
      host.close();
    });
    const origin = `http://127.0.0.1:${host.address().port}`;
    const { page, context, troubles } = await visit({ origin, path: at });
    await load(page);
    await judge(page);
    assert.match(await part(page, "score").innerText(), /^[1-5]$/);
    await page.evaluate(() => navigator.serviceWorker.ready);
    await context.setOffline(true);
    await page.reload();
    await part(page, "tab-score").waitFor();
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("the service worker lets nothing pass that would carry a text away", minutes(3), async () => {
    const { page } = await loadedPage();
    await page.evaluate(() => navigator.serviceWorker.ready);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    const posted = await page.evaluate(() =>
      fetch("offline.js", { method: "POST", body: "a secret" }).then(
        () => "sent",
        () => "refused",
      ),
    );
    assert.equal(posted, "refused");
    await part(page, "privacy").click();
    await part(page, "requests").getByText("refused").waitFor();
    await page.keyboard.press("Escape");
  });
});

/** Serves the model with Range, slowly at first, and counts the bytes that it sends. */
async function slowServer() {
  const PIECE = 1 << 20;
  const PAUSE_MS = 150;
  let braked = true;
  let sent = 0;
  const host = createServer(async (request, response) => {
    const [, from = "0", to = ""] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
    const [start, end] = [Number(from), to === "" ? SIZE - 1 : Number(to)];
    response.writeHead(request.headers.range ? 206 : 200, {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "etag, content-range, accept-ranges, content-length",
      "accept-ranges": "bytes",
      "content-length": end - start + 1,
      "content-range": `bytes ${start}-${end}/${SIZE}`,
      etag: '"one"',
    });
    if (request.method === "HEAD") return response.end();
    for await (const piece of createReadStream(model, { start, end, highWaterMark: PIECE })) {
      if (response.destroyed) return undefined;
      sent += piece.byteLength;
      if (!response.write(piece)) await new Promise((go) => response.once("drain", go));
      if (braked) await new Promise((go) => setTimeout(go, PAUSE_MS));
    }
    return response.end();
  });
  // Across origins, a Range with conditions needs a preflight request.
  host.prependListener("request", (request, response) => {
    if (request.method !== "OPTIONS") return;
    response.setHeader("access-control-allow-headers", "*");
  });
  await new Promise((listening) => host.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${host.address().port}/judge.gguf`,
    sent: () => sent,
    unbrake: () => (braked = false),
    close() {
      host.closeAllConnections();
      host.close();
    },
  };
}
