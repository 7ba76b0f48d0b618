// What happens in a soak, one deed after the other. Each returns what was wrong with it: sentences, mostly none.

import { openPackage } from "../lib.mjs";

const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Errors that a load may end with where the server, the storage or the person was at fault. */
const TYPED = new Set(["network", "source", "quota", "integrity"]);

/** Several tasks at once; `during` happens beside them. */
async function burst(world, during = async () => {}) {
  const { page, draw } = world;
  const problems = (await page.evaluate(() => desk.judge !== undefined)) ? [] : await change(world);
  if (problems.length > 0) return problems;
  const seed = Math.floor(draw() * 2 ** 31);
  const judged = page.evaluate(async (seed) => desk.burst(soak.random(seed)), seed);
  await during();
  return judged;
}

/** Another model, on another backend, in a worker or not. */
async function change(world) {
  const { page, draw, models } = world;
  const model = models[Math.floor(draw() * models.length)];
  const backend = draw() < 0.4 ? "webgpu" : "wasm";
  const options = { backend, worker: draw() < 0.5, cache: draw() < 0.5 };
  return page.evaluate(
    ([source, options]) =>
      desk.load(source, options).then(
        () => [],
        ({ code, message }) => [`load: ${code}: ${message}`],
      ),
    [model, options],
  );
}

/** The devices of the page's own thread go while it judges. */
const loseDevices = (world) =>
  burst(world, async () => {
    await wait(world.draw() * 80);
    await world.page.evaluate(() => loseDevices());
  });

/** Loads a model that is not cached, in a page. Ends with its first logits, or with the error's code. */
const arrive = (page, { url, sha256 }) =>
  page.evaluate(
    async ([url, sha256]) => {
      try {
        const engine = await lunette.Engine.load(url, { backend: "wasm", sha256 });
        const logits = [...(await engine.logits(await engine.tokenize("the")))];
        await engine.dispose();
        return { logits };
      } catch ({ code, message }) {
        return { code, message };
      }
    },
    [url, sha256],
  );

function judgeArrival({ logits, code, message }, expected) {
  if (code) return TYPED.has(code) ? [] : [`arrival: ${code}: ${message}`];
  return String(logits) === String(expected) ? [] : ["arrival: wrong logits, and no error"];
}

/** A server that cuts, stalls, errs or flips a bit. */
async function faultyServer(world) {
  const { page, draw, fresh } = world;
  const size = fresh.bytes.length;
  const at = () => Math.floor(draw() * size);
  const faults = [
    { cut: at() },
    { status: 503 },
    { flip: at() },
    { ignoreRange: true, cut: at() },
    { chunked: true },
    {},
  ];
  const model = fresh.put({ misbehave: (request) => (request < 2 ? faults[Math.floor(draw() * faults.length)] : {}) });
  return judgeArrival(await arrive(page, model), fresh.logits);
}

/** A page that is closed while its model comes; the next load goes on from what is there. */
async function closedTab(world) {
  const { context, origin, page, draw, fresh } = world;
  const model = fresh.put();
  const tab = await openPackage(context, origin);
  const loading = arrive(tab, model).catch(() => undefined);
  await wait(draw() * 250);
  await tab.close();
  await loading;
  return judgeArrival(await arrive(page, model), fresh.logits);
}

/** Two pages that want the same model at once. */
async function twoTabs(world) {
  const { context, origin, page, fresh } = world;
  const model = fresh.put();
  const tab = await openPackage(context, origin);
  const both = await Promise.all([arrive(page, model), arrive(tab, model)]);
  await tab.close();
  return both.flatMap((one) => judgeArrival(one, fresh.logits));
}

/** Storage that is full before the model is there. */
async function fullStorage(world) {
  const { page, draw, fresh, devtools, origin } = world;
  const quotaSize = Math.floor(draw() * 1.5 * fresh.bytes.length);
  await devtools.send("Storage.overrideQuotaForOrigin", { origin, quotaSize });
  const found = await arrive(page, fresh.put());
  await devtools.send("Storage.overrideQuotaForOrigin", { origin });
  return judgeArrival(found, fresh.logits);
}

/** A person who changes their mind. */
async function abortedLoad(world) {
  const { page, draw, fresh } = world;
  const ms = draw() * 200;
  const found = await page.evaluate(
    async ([url, ms]) => {
      const aborter = new AbortController();
      setTimeout(() => aborter.abort(), ms);
      const loading = desk.watch("aborted load", lunette.Engine.load(url, { backend: "wasm", signal: aborter.signal }));
      return loading.then(
        (engine) => engine.dispose().then(() => ({})),
        ({ code, message }) => ({ code, message }),
      );
    },
    [fresh.put().url, ms],
  );
  return found.code === undefined || found.code === "aborted" ? [] : [`aborted load: ${found.code}: ${found.message}`];
}

/** A bit that rots in the cache. */
async function rottenCache(world) {
  const { page, draw, fresh } = world;
  const model = fresh.put();
  const problems = judgeArrival(await arrive(page, model), fresh.logits);
  await page.evaluate(
    async ([url, share]) => {
      const kept = (await lunette.Models.list()).find((model) => url.endsWith(new URL(model.url, location).pathname));
      if (!kept) return;
      let folder = await navigator.storage.getDirectory();
      for (const step of ["lunette", "models"]) folder = await folder.getDirectoryHandle(step);
      const handle = await folder.getFileHandle(`${kept.id}-0.gguf`);
      const bytes = new Uint8Array(await (await handle.getFile()).arrayBuffer());
      const at = Math.floor(share * bytes.length);
      const stream = await handle.createWritable({ keepExistingData: true });
      await stream.write({ type: "write", position: at, data: Uint8Array.of(bytes[at] ^ 8) });
      await stream.close();
    },
    [model.url, draw()],
  );
  return [...problems, ...judgeArrival(await arrive(page, model), fresh.logits)];
}

/** With how often each of them is drawn. */
export const DEEDS = Object.entries({
  burst: [burst, 12],
  change: [change, 4],
  "lost device": [loseDevices, 3],
  "faulty server": [faultyServer, 1],
  "closed tab": [closedTab, 1],
  "two tabs": [twoTabs, 1],
  "full storage": [fullStorage, 1],
  "aborted load": [abortedLoad, 1],
  "rotten cache": [rottenCache, 1],
}).map(([name, [act, weight]]) => ({ name, act, weight }));

export function pick(draw) {
  let left = draw() * DEEDS.reduce((sum, { weight }) => sum + weight, 0);
  return DEEDS.find(({ weight }) => (left -= weight) < 0) ?? DEEDS[0];
}
