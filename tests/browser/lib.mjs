// The base of all scripts here: a static server for the builds, and a headless Chromium.

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import sirv from "sirv";
import { installed, temporary } from "./tarball.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");

/** `cargo xtask` sets these. The defaults are for a script that is run by hand. */
export const model = process.env.LUNETTE_MODEL ?? join(root, "models/SmolLM2-135M-Instruct.Q4_1.gguf");
const chrome = process.env.CHROME ?? "/usr/bin/chromium";

/** The headers of cross-origin isolation, with which the wasm backend has threads. */
export const isolation = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Where the default model is served. */
export const modelUrl = `/models/${basename(model)}`;

/** The built-in example: a task with its rubric. */
export const example = JSON.parse(readFileSync(join(root, "tests/browser/example.json"), "utf8"));

/**
 * Serves the page's build at /, the package as it is installed from its tarball at /pkg, the model's folder at /models,
 * and `files` at /files; what `routes` has a beginning of a path for is left to the handler there.
 * No header but what a plain host sends: the package must not need COOP or COEP. With `isolated` it has them, for threads.
 */
export async function startServer({ isolated = false } = {}) {
  if (!existsSync(model)) throw new Error(`${model} is missing; run \`cargo xtask fetch-model\` first`);
  const files = new Map();
  const routes = new Map();
  const folders = { "/models/": dirname(model), "/pkg/": await installed(), "/": join(root, "www/dist") };
  // `dev` reads the disk at each request, so that a build made in the meantime is what is served.
  const handlers = Object.entries(folders).map(([at, folder]) => [at, sirv(folder, { dev: true })]);

  const server = createServer((request, response) => {
    const missing = () => response.writeHead(404).end("not found");
    for (const [name, value] of Object.entries(isolated ? isolation : {})) response.setHeader(name, value);
    const path = new URL(request.url, "http://localhost").pathname;
    const [, route] = [...routes].find(([at]) => path.startsWith(at)) ?? [];
    if (route) {
      route(request, response);
    } else if (path === "/blank.html") {
      response.setHeader("content-type", "text/html; charset=utf-8");
      response.end('<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Lunette</title>');
    } else if (path.startsWith("/files/")) {
      const bytes = files.get(path.slice("/files/".length));
      if (path.endsWith(".html")) response.setHeader("content-type", "text/html; charset=utf-8");
      if (bytes) response.end(bytes);
      else missing();
    } else {
      const [at, handler] = handlers.find(([at]) => path.startsWith(at));
      request.url = request.url.slice(at.length - 1);
      handler(request, response, missing);
    }
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    files,
    routes,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/**
 * A headless browser with WebGPU: on SwiftShader, which computes the same everywhere, unless LUNETTE_ADAPTER=default
 * leaves the choice to the browser.
 */
export function launch() {
  return chromium.launch(chromiumOptions());
}

/**
 * The same with a profile on the disk, as users have it: without one, storage and HTTP cache are held in memory. Returns its
 * one context.
 */
export function launchWithProfile(folder, ...more) {
  const options = chromiumOptions();
  return chromium.launchPersistentContext(folder, { ...options, args: [...options.args, ...more] });
}

let visitors = 0;

/** The same with a new profile, which is deleted when the process ends. `options` are those of a context. */
export function launchVisitor(options = {}) {
  const folder = temporary(`visitor-${++visitors}`);
  return chromium.launchPersistentContext(folder, { ...chromiumOptions(), ...options });
}

/** Without a display, and on a card whose driver Chromium's list may not know. */
const ON_HARDWARE = [
  "--enable-features=Vulkan",
  "--use-angle=vulkan",
  "--disable-vulkan-surface",
  "--ignore-gpu-blocklist",
  "--enable-logging=stderr",
];

function chromiumOptions() {
  const adapter = process.env.LUNETTE_ADAPTER ?? "swiftshader";
  return {
    executablePath: chrome,
    headless: true,
    args: [
      // There is no sandbox in containers and for root. The browser only opens our own pages.
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      ...(adapter === "default" ? ON_HARDWARE : [`--use-webgpu-adapter=${adapter}`]),
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  };
}

/**
 * A page that has imported the built package as `globalThis.lunette`, as its package.json exports it. `at`: where the package
 * is served.
 */
export async function openPackage(browser, origin, at = "/pkg/") {
  const page = await browser.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) console.error(`[browser] ${message.text()}`);
  });
  page.on("pageerror", (error) => console.error(`[browser] ${error.message}`));
  page.on("crash", () => console.error("[browser] the page crashed"));
  await page.goto(`${origin}/blank.html`);
  const manifest = JSON.parse(readFileSync(join(root, "pkg/package.json"), "utf8"));
  const entry = new URL(manifest.exports["."].default, `${origin}${at}`).href;
  await page.evaluate(async (entry) => {
    globalThis.lunette = await import(entry);
  }, entry);
  return page;
}

/** Loads the default model into `globalThis.judge` of such a page. Returns its info and the progress events seen. */
export function loadJudge(page, backend) {
  return page.evaluate(
    async ([url, backend]) => {
      const progress = [];
      const onProgress = (event) => progress.push({ ...event });
      try {
        globalThis.judge = await lunette.Judge.load(url, { backend, onProgress, cache: false });
      } catch (error) {
        // An error's cause does not leave the page, so add it here.
        const cause = error.cause ? ` (${error.cause.message})` : "";
        throw new Error(`${error.message}${cause} [${error.code}]`, { cause: error });
      }
      return { info: judge.info, progress };
    },
    [modelUrl, backend],
  );
}
