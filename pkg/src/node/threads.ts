import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Share, ThreadHost } from "../worker/threads.js";

/** Node: every thread may wait for another one. */
export const nodeThreads: ThreadHost = { cores: availableParallelism(), open, close };

/** Kept: a thread must outlive the call that starts it. */
const workers: Worker[] = [];

async function close(): Promise<void> {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
}

function open(share: Share): Promise<void> {
  const worker = new Worker(new URL("./helper.js", import.meta.url), {
    name: "lunette-thread",
    workerData: share,
    execArgv: [],
  });
  workers.push(worker);
  // Only a call keeps the process alive.
  worker.unref();
  return new Promise((resolve, reject) => {
    worker.once("message", () => {
      resolve();
    });
    worker.once("error", reject);
  });
}
