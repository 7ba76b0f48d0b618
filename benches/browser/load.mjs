// node load.mjs [--backend wasm|webgpu] [--reps 3] [--loading true]
// How long until a judge is ready, and until it has judged; what it holds in memory; whether the page stays responsive.
// `--loading true` measures only the heap that loading takes: for models whose verdict would take an hour here.

import { statSync } from "node:fs";
import { inFreshBrowser, main, memory, options, sample, say } from "./lib.mjs";
import { launchVisitor, model, modelUrl } from "../../tests/browser/lib.mjs";

const o = options({ loading: "false" });
const MIB = 1 << 20;

/** About as short as a task can be: what is left of the prompt is the judge's own rules. */
const TASK = {
  input: "Why is the sky blue?",
  response: "Air scatters blue light more than red.",
  rubric: { objective: "Is it true?", scale: { 1: "No.", 2: "Partly.", 3: "Yes." } },
};

await main(async () => {
  for (let rep = 1; rep <= Number(o.reps); rep += 1) {
    say(`repetition ${rep}`);
    if (o.loading === "true") {
      await inFreshBrowser(heapOfLoading);
      continue;
    }
    await inFreshBrowser(fromAddress);
    await inFreshBrowser(fromCache);
    await inFreshBrowser(fromFile);
    await inFreshBrowser(heap);
  }
});

async function fromAddress({ page }) {
  const { info, ms } = await page.evaluate(
    async ([url, backend]) => {
      const start = performance.now();
      const { info } = await lunette.Judge.load(url, { backend });
      return { info, ms: performance.now() - start };
    },
    [modelUrl, o.backend],
  );
  sample(info, "ready, file from an HTTP server on this machine", "ms", ms);
}

/** A page that has just been opened, and a model that an earlier visit has left in the cache: each chunk's hash is checked. */
async function fromCache({ origin }) {
  const context = await launchVisitor();
  const visit = async () => {
    const page = await context.newPage();
    page.setDefaultTimeout(0);
    await page.goto(`${origin}/blank.html`);
    const visited = await page.evaluate(
      async ([entry, url, backend]) => {
        const { Judge } = await import(entry);
        const judge = await Judge.load(url, { backend });
        const ms = performance.now();
        const { info } = judge;
        await judge.dispose();
        return { info, ms };
      },
      [`${origin}/pkg/dist/index.js`, modelUrl, o.backend],
    );
    await page.close();
    return visited;
  };
  const first = await visit();
  const second = await visit();
  await context.close();
  sample(first.info, "page opened to ready, nothing in the cache", "ms", first.ms);
  sample(second.info, "page opened to ready, model in the cache", "ms", second.ms);
}

/** A page that has just been opened, and a file that the user has at hand. */
async function fromFile({ browser, origin }) {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`${origin}/blank.html`);
  await page.setContent('<input type="file">');
  await page.setInputFiles("input", model);
  const { info, ready, opened, again, usage, longest } = await page.evaluate(
    async ([entry, task, backend]) => {
      const tasks = [];
      new globalThis.PerformanceObserver((list) => tasks.push(...list.getEntries())).observe({ type: "longtask" });
      const { Judge } = await import(entry);
      const start = performance.now();
      const judge = await Judge.load(document.querySelector("input").files[0], { backend });
      const ready = performance.now() - start;
      const first = await judge.score(task, { critique: false });
      const opened = performance.now();
      // A prompt that no cache has seen, as long as the first.
      await judge.score({ ...task, response: "Because the sea is blue, and is mirrored." }, { critique: false });
      const again = performance.now() - opened;
      // Observers are told later.
      await new Promise((later) => setTimeout(later, 100));
      const longest = Math.max(0, ...tasks.filter((t) => t.startTime > start).map((t) => t.duration));
      return { info: judge.info, ready, opened, again, usage: first.usage, longest };
    },
    [`${origin}/pkg/dist/index.js`, TASK, o.backend],
  );
  sample(info, "ready, file at hand", "ms", ready);
  sample(info, `page opened to first verdict, ${usage.promptTokens}-token prompt, file at hand`, "ms", opened);
  sample(info, "next verdict of the loaded judge, its rules cached", "ms", again);
  sample(info, "longest main-thread task over 50 ms, loading and judging", "ms", longest);
  sample(info, "memory of the page's process", "MiB", memory(info));
}

async function heapOfLoading({ page, origin }) {
  const { info, own, loaded, ms } = await page.evaluate(
    async ([origin, url, backend]) => {
      const { memory } = await (await import(`${origin}/pkg/wasm/lunette.js`)).default();
      const own = memory.buffer.byteLength;
      const start = performance.now();
      const judge = await lunette.Judge.load(url, { backend, worker: false, cache: false });
      return { info: judge.info, own, loaded: memory.buffer.byteLength, ms: performance.now() - start };
    },
    [origin, modelUrl, o.backend],
  );
  sample(info, "ready, file from an HTTP server on this machine, not kept", "ms", ms);
  sample(info, "wasm heap, the module's own", "MiB", own / MIB);
  sample(info, "wasm heap, peak of loading", "MiB", loaded / MIB);
  sample(info, "GPU bytes", "MiB", info.gpuBytes / MIB);
}

/** The engine on the page's own thread, where its memory can be seen: it never shrinks, so its size is its peak. */
async function heap({ page, origin }) {
  const { info, own, loaded, judged, verdict, prompt } = await page.evaluate(
    async ([origin, url, task, backend]) => {
      const { memory } = await (await import(`${origin}/pkg/wasm/lunette.js`)).default();
      const own = memory.buffer.byteLength;
      const judge = await lunette.Judge.load(url, { backend, worker: false });
      const loaded = memory.buffer.byteLength;
      const start = performance.now();
      const { usage } = await judge.score(task, { critique: false });
      const verdict = performance.now() - start;
      const judged = memory.buffer.byteLength;
      return { info: judge.info, own, loaded, judged, verdict, prompt: usage.promptTokens };
    },
    [origin, modelUrl, TASK, o.backend],
  );
  sample(info, `first verdict of the loaded judge, ${prompt}-token prompt`, "ms", verdict);
  sample(info, "wasm heap, the module's own", "MiB", own / MIB);
  sample(info, "wasm heap, peak of loading", "MiB", loaded / MIB);
  sample(info, "wasm heap, peak after a verdict", "MiB", judged / MIB);
  sample(info, "wasm heap, peak above the module's own", "MiB", (judged - own) / MIB);
  sample(info, "wasm heap, peak beside the file's size", "×", judged / statSync(model).size);
  sample(info, "GPU bytes", "MiB", info.gpuBytes / MIB);
}
