// One server, one browser and one loaded judge a backend, shared by the tests of a process: loading takes seconds.

import { after } from "node:test";
import { launch, loadJudge, openPackage, startServer } from "./lib.mjs";

/** Set during development: only short tests. */
export const quick = Boolean(process.env.LUNETTE_QUICK);

/** The backends under test. SwiftShader reads some ten tokens a second, so WebGPU gets shorter texts. */
export const BACKENDS = ["wasm", "webgpu"];

export const minutes = (n) => ({ timeout: n * 60_000 });

const made = [];

/** Creates a value at its first use, and closes it after the tests. */
export function once(make) {
  let thing;
  return () => {
    if (!thing) made.push((thing = make()));
    return thing;
  };
}

export const server = once(startServer);
export const browser = once(launch);

/** A page with the package, without a model. */
export const packagePage = once(async () => openPackage(await browser(), (await server()).origin));

const judges = new Map();

/** A page whose `globalThis.judge` is the default model on `backend`, with its info and the progress events seen. */
export function judgeOn(backend) {
  if (!judges.has(backend)) {
    const load = async () => {
      const page = await openPackage(await browser(), (await server()).origin);
      return { page, ...(await loadJudge(page, backend)) };
    };
    judges.set(backend, load());
  }
  return judges.get(backend);
}

after(async () => {
  // Close the last first, because the browser uses the server. Ignore those that failed to start.
  for (const thing of made.reverse()) await thing.then((thing) => thing.close()).catch(() => {});
});
