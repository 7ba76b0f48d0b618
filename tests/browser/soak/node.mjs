// The Node process of a soak: judges while its parent has pages do the same, and answers with what it holds.
// Started by soak.mjs with --expose-gc; `argv`: the package's entry, the goldens as JSON in a file.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Desk, random } from "./judging.mjs";

const [entry, file] = process.argv.slice(2);
const lunette = await import(entry);
const { models, goldens } = JSON.parse(readFileSync(file, "utf8"));
const desk = new Desk(lunette, goldens);
/** What was open after the first minute. */
let line;

/** Judges for `ms`, with another model now and then. */
async function minute({ seed, ms }) {
  const draw = random(seed);
  const end = Date.now() + ms;
  const problems = [];
  while (Date.now() < end) {
    if (!desk.judge || draw() < 0.2) {
      const source = models[Math.floor(draw() * models.length)];
      const threads = 1 + Math.floor(draw() * 3);
      const options = { backend: "wasm", worker: draw() < 0.7, threads, cache: draw() < 0.5 };
      await desk.load(source, options).catch((error) => problems.push(`load: ${error.code}: ${error.message}`));
    }
    if (desk.judge) problems.push(...(await desk.burst(draw)));
  }
  await desk.dispose();
  // A worker's end is told a little later, and connections are kept for some seconds in case they are of use again.
  await wait(2000);
  for (let waited = 0; line && openFiles().length > line.length && waited < 10_000; waited += 500) await wait(500);
  globalThis.gc();
  const { heapUsed, rss } = process.memoryUsage();
  const folder = process.env.LUNETTE_CACHE;
  const files = openFiles();
  const opened = line ? files.filter((file) => !line.includes(file)) : [];
  line ??= files;
  return {
    problems,
    counts: desk.counts,
    open: [...desk.open.values()],
    heap: heapUsed,
    rss,
    files: files.length,
    opened,
    busy: process.getActiveResourcesInfo().filter((name) => /Worker|MessagePort|FS|TCP/u.test(name)),
    locks: readdirSync(folder).filter((name) => /\.(lock|new)$/u.test(name)),
  };
}

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** What this process has open, by the names that Linux gives it. */
function openFiles() {
  return readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)];
    } catch {
      // That of the folder itself.
      return [];
    }
  });
}

process.on("message", (asked) => {
  minute(asked).then(
    (found) => process.send(found),
    (error) => process.send({ problems: [String(error.stack)], counts: desk.counts, open: [], locks: [] }),
  );
});
process.send("ready");
