// Pages of which is counted what they hold, and whose devices can be lost.

import { openPackage } from "./lib.mjs";

/** Opens a page with the package whose GPU buffers, devices, workers and wasm memories are counted in `globalThis.counts`. */
export async function watchedPage(browser, origin) {
  const page = await openPackage(browser, origin);
  await page.evaluate(watch);
  return page;
}

/** Runs in the page. */
function watch() {
  const counts = (globalThis.counts = { buffers: 0, devices: 0, workers: 0 });
  const memories = new Set();
  const alive = new Map();
  const begin = (thing, kind) => {
    alive.set(thing, kind);
    counts[kind] += 1;
    return thing;
  };
  const end = (thing) => {
    const kind = alive.get(thing);
    if (alive.delete(thing)) counts[kind] -= 1;
  };
  const wrap = (prototype, name, around) => {
    const original = prototype[name];
    prototype[name] = function (...given) {
      return around.call(this, (...changed) => original.apply(this, changed), ...given);
    };
  };
  wrap(GPUAdapter.prototype, "requestDevice", async (request, ...options) =>
    begin(await request(...options), "devices"),
  );
  wrap(GPUDevice.prototype, "createBuffer", (create, ...options) => begin(create(...options), "buffers"));
  wrap(GPUDevice.prototype, "destroy", function (destroy) {
    end(this);
    destroy();
  });
  wrap(GPUBuffer.prototype, "destroy", function (destroy) {
    end(this);
    destroy();
  });
  wrap(Worker.prototype, "terminate", function (terminate) {
    end(this);
    terminate();
  });
  globalThis.Worker = class extends Worker {
    constructor(...given) {
      super(...given);
      begin(this, "workers");
    }
  };
  for (const name of ["instantiate", "instantiateStreaming"]) {
    wrap(WebAssembly, name, async (instantiate, ...given) => {
      const made = await instantiate(...given);
      memories.add((made.instance ?? made).exports.memory);
      return made;
    });
  }
  globalThis.wasmBytes = () => [...memories].reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
  /** Takes every device away, with what lies on it. Returns how many there were. */
  globalThis.loseDevices = () => {
    const lost = [...alive].filter(([, kind]) => kind === "devices");
    for (const [device] of lost) device.destroy();
    return lost.length;
  };
}
