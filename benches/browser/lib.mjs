// What the browser benchmarks share: arguments, samples, the CPU time of the browser, prompts that no cache has seen.

import { readdirSync, readFileSync } from "node:fs";
import { clearInterval, setInterval } from "node:timers";
import { parseArgs } from "node:util";
import { launch, openPackage, startServer } from "../../tests/browser/lib.mjs";

export const say = (text) => console.error(`▸ ${text}`);

/** Of `--name value` pairs; `defaults` says which there are. */
export function options(defaults) {
  const all = { backend: "wasm", reps: "3", model: "", ...defaults };
  const known = Object.entries(all).map(([name, value]) => [name, { type: "string", default: value }]);
  return parseArgs({ options: Object.fromEntries(known) }).values;
}

export const numbers = (text) => text.split(",").map(Number);

/** One reading, as a line on stdout; `cargo xtask bench` gathers them into medians. */
export function sample(info, name, unit, value) {
  if (!Number.isFinite(value)) return;
  console.log(JSON.stringify({ name, backend: info.backend, adapter: info.adapter, unit, value }));
}

/**
 * Runs `measure({ browser, origin, page })` in a browser of its own, with the package imported in `page`. `isolated`: where the wasm
 * backend may have threads.
 */
export async function inFreshBrowser(measure, isolated = false) {
  const server = await startServer({ isolated });
  const browser = await launch();
  try {
    const page = await openPackage(browser, server.origin);
    page.setDefaultTimeout(0);
    return await measure({ browser, origin: server.origin, page });
  } finally {
    await browser.close();
    server.close();
  }
}

/** Runs a benchmark to its end, or says in one line why it could not be run. */
export async function main(run) {
  try {
    await run();
  } catch (error) {
    // The stack beneath the first line is the page's.
    console.error(`error: ${error.message.replace("page.evaluate: ", "").split("\n    at ")[0]}`);
    process.exitCode = 1;
  }
}

/** An adapter that computes on the CPU: too slow for the usual lengths. */
export const isSoftware = (info) => info.backend === "webgpu" && /swiftshader|llvmpipe|lavapipe/i.test(info.adapter);

/**
 * Notes, five times a second, the CPU seconds that this process's children have used. On a machine that does other work
 * as well, tokens a CPU second vary far less than tokens a second.
 */
export class CpuClock {
  #notes = [];
  #timer;

  constructor() {
    this.note();
    this.#timer = setInterval(() => this.note(), 200);
  }

  note() {
    this.#notes.push([Date.now(), cpuSeconds()]);
  }

  /** CPU seconds between two times, in milliseconds since 1970; NaN where the system does not tell. */
  between(from, to) {
    this.note();
    return this.#at(to) - this.#at(from);
  }

  #at(time) {
    const i = Math.max(
      1,
      this.#notes.findIndex(([at]) => at >= time),
    );
    const [[a, used], [b, more]] = [this.#notes[i - 1], this.#notes[i]];
    return used + (more - used) * Math.min(1, (time - a) / (b - a || 1));
  }

  stop() {
    clearInterval(this.#timer);
  }
}

/** Linux's clock ticks are hundredths of a second on every machine that a browser runs on. */
const TICKS = 100;

function cpuSeconds() {
  const processes = children();
  if (processes === undefined) return NaN;
  return processes.reduce((sum, { stat }) => sum + Number(stat[11]) + Number(stat[12]), 0) / TICKS;
}

/** Proportional set size, in MiB, of the processes that hold the page and, where it is used, the GPU's. */
export function memory(info) {
  const kinds = info.backend === "webgpu" ? /--type=(renderer|gpu-process)/ : /--type=renderer/;
  let kib = 0;
  for (const { pid } of children() ?? []) {
    try {
      if (!kinds.test(readFileSync(`/proc/${pid}/cmdline`, "utf8"))) continue;
      kib += Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? NaN);
    } catch {
      // It has ended meanwhile.
    }
  }
  return kib > 0 ? kib / 1024 : NaN;
}

/** All descendants of this process, as /proc tells them; `undefined` on other systems than Linux. */
function children() {
  let pids;
  try {
    pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return undefined;
  }
  const below = new Map();
  for (const pid of pids) {
    try {
      const text = readFileSync(`/proc/${pid}/stat`, "utf8");
      // Behind the program's name, which may hold anything: state, parent, …
      const stat = text.slice(text.lastIndexOf(")") + 2).split(" ");
      const siblings = below.get(Number(stat[1])) ?? [];
      below.set(Number(stat[1]), [...siblings, { pid: Number(pid), stat }]);
    } catch {
      // It has ended meanwhile.
    }
  }
  const of = (pid) => (below.get(pid) ?? []).flatMap((child) => [child, ...of(child.pid)]);
  return of(process.pid);
}

/** Random tokens of plain text, which begin behind the bytes of a vocabulary. */
let state = (Math.random() * 2 ** 32) >>> 0;
function random(below) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return (state >>> 8) % below;
}
export const randomTokens = (n) => Array.from({ length: n }, () => 300 + random(30_000));

/** Common words, which are one token each in most vocabularies. */
const WORDS =
  "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which one you " +
  "were her all she there would their we him been has when who will more no if out so said what up its about into than them " +
  "can only other new some could time these two may then do first any my now such like our over man me even most made after " +
  "also did many before must through back years where much your way well down should because each just those people how too " +
  "little state good very make world still own see men work long get here between both life being under never day same " +
  "another know while last might us great old year off come since against go came right used take three";
const words = WORDS.split(" ");

/** Text of about `n` tokens. */
export const randomText = (n) => Array.from({ length: n }, () => words[random(words.length)]).join(" ");
