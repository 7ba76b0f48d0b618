// node model.mjs [--backend wasm|webgpu] [--threads 1] [--prompt 512,1024] [--decode 64] [--batch 1,4,8,16] [--reps 3]
// Prefill, decode, and decode of several sequences at once, in a new browser for each repetition.

import {
  CpuClock,
  inFreshBrowser,
  isSoftware,
  main,
  memory,
  numbers,
  options,
  randomTokens,
  sample,
  say,
} from "./lib.mjs";
import { modelUrl } from "../../tests/browser/lib.mjs";

const o = options({ threads: "1", prompt: "", decode: "", batch: "1,4,8,16" });
const threads = Number(o.threads);

await main(async () => {
  for (let rep = 1; rep <= Number(o.reps); rep += 1) {
    say(`repetition ${rep}`);
    await inFreshBrowser(repetition, threads > 1);
  }
});

async function repetition({ page }) {
  const start = performance.now();
  const info = await page.evaluate(
    async ([url, backend, threads]) => (globalThis.engine = await lunette.Engine.load(url, { backend, threads })).info,
    [modelUrl, o.backend, threads],
  );
  if (info.threads > 1) info.backend += `, ${info.threads} threads`;
  sample(info, "load", "ms", performance.now() - start);
  say(`${info.name} on ${info.backend}, ${info.adapter}`);

  const software = isSoftware(info);
  const prompts = numbers(o.prompt || (software ? "64,128" : "512,1024"));
  const decode = Number(o.decode || (software ? "4" : "64"));
  const clock = new CpuClock();
  try {
    for (const n of prompts) {
      const [done] = await generate(page, [randomTokens(n)], 1);
      rates(info, clock, `prefill ${n}`, n, done.start, done.end);
    }
    for (const batch of numbers(o.batch)) {
      const { from, to, steps } = await decodeTogether(page, prompts[0], batch, decode);
      const together = batch > 1 ? `, batch ${batch}` : "";
      rates(info, clock, `decode ${decode} after ${prompts[0]}${together}`, steps, from, to);
    }
    sample(info, "memory", "MiB", memory(info));
  } finally {
    clock.stop();
  }
}

/** Tokens a second of wall time, and of CPU time. */
function rates(info, clock, name, tokens, from, to) {
  sample(info, name, "tok/s", (tokens / (to - from)) * 1000);
  sample(info, name, "tok/CPU s", tokens / clock.between(from, to));
}

/**
 * `batch` sequences, each behind `context` tokens and a few of its own, gain `decode` tokens together: what they share is
 * computed before, so that all have their first token at about the same time. Returns when the first had its first token,
 * when the last had its last, and how many there were between.
 */
async function decodeTogether(page, context, batch, decode) {
  // A sequence that ends early is one too few in the batch; random prompts seldom do, and then others are taken.
  for (let attempt = 0; ; attempt += 1) {
    const shared = randomTokens(context);
    await generate(page, [shared], 1);
    const prompts = Array.from({ length: batch }, () => [...shared, ...randomTokens(4)]);
    const all = await generate(page, prompts, decode + 1);
    const steps = all.reduce((sum, done) => sum + done.tokens - 1, 0);
    if (steps >= 0.9 * batch * decode || attempt === 5) {
      return { from: Math.min(...all.map((d) => d.first)), to: Math.max(...all.map((d) => d.end)), steps };
    }
  }
}

/** Overlapping calls; the times are in milliseconds since 1970, as the page sees them. */
function generate(page, prompts, maxTokens) {
  return page.evaluate(
    ([prompts, maxTokens]) => {
      const now = () => performance.timeOrigin + performance.now();
      const one = async (tokens) => {
        const start = now();
        const done = await globalThis.engine.generate(Uint32Array.from(tokens), { maxTokens });
        const end = now();
        // What the call itself costs counts as prefill.
        return { start, end, first: end - done.timing.decodeMs, tokens: done.tokens.length };
      };
      return Promise.all(prompts.map(one));
    },
    [prompts, maxTokens],
  );
}
