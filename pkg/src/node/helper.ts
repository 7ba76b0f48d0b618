// The script of a thread that helps the engine's own.
import { parentPort, workerData } from "node:worker_threads";
import type { Share, ThreadPort } from "../worker/threads.js";
import { help } from "../worker/threads.js";

await help(workerData as Share, parentPort as ThreadPort);
