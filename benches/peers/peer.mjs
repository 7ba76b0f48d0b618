// node peer.mjs wllama|onnxruntime [--threads 1] [--webgpu] [--onnx FILE] [--prompt 512] [--decode 64]
// Another engine, measured as benches/browser/model.mjs measures ours: load, prefill, decode behind the prompt. Each engine's
// page is in web/. LUNETTE_MODEL names the GGUF file. Prints a sample a line.

import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import sirv from "sirv";
import { launch } from "../../tests/browser/lib.mjs";
import { CpuClock, main, memory, sample, say } from "../browser/lib.mjs";

const { values: o, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    threads: { type: "string", default: "1" },
    webgpu: { type: "boolean", default: false },
    onnx: { type: "string" },
    prompt: { type: "string", default: "512" },
    decode: { type: "string", default: "64" },
  },
});
const [engine] = positionals;
const model = engine === "onnxruntime" ? o.onnx : process.env.LUNETTE_MODEL;

/** The pages, the packages, and the model at /model. The headers are those that threads in wasm need. */
async function serve() {
  const folder = sirv(import.meta.dirname, { dev: true });
  const server = createServer((request, response) => {
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    if (request.url.startsWith("/model/")) {
      response.setHeader("content-length", statSync(model).size);
      createReadStream(model).pipe(response);
    } else {
      folder(request, response, () => response.writeHead(404).end());
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

await main(async () => {
  if (!["wllama", "onnxruntime"].includes(engine) || !model) throw new Error("see the first line of peer.mjs");
  const { server, origin } = await serve();
  const browser = await launch();
  const clock = new CpuClock();
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(0);
    const failure = new Promise((_, fail) => {
      page.on("pageerror", fail);
      page.on("crash", () => fail(new Error("the page crashed")));
    });
    await page.goto(`${origin}/web/${engine}.html`);
    const [prompt, decode] = [Number(o.prompt), Number(o.decode)];
    const settings = { url: `${origin}/model/${basename(model)}`, threads: Number(o.threads), webgpu: o.webgpu };
    const call = (name, argument) =>
      Promise.race([page.evaluate(([name, argument]) => window.peer[name](argument), [name, argument]), failure]);
    await page.waitForFunction(() => window.peer);

    const start = performance.now();
    const info = await call("load", { ...settings, context: prompt + decode + 128 });
    sample(info, "load", "ms", performance.now() - start);
    say(`${engine} on ${info.backend}, ${info.adapter}`);
    const done = await call("generate", { prompt, decode });
    for (const [name, count, from, to] of [
      [`prefill ${prompt}`, done.prompt, done.start, done.first],
      [`decode ${decode} after ${prompt}`, done.decoded, done.first, done.end],
    ]) {
      sample(info, name, "tok/s", (count / (to - from)) * 1000);
      sample(info, name, "tok/CPU s", count / clock.between(from, to));
    }
    sample(info, "memory", "MiB", memory(info));
  } finally {
    clock.stop();
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
});
