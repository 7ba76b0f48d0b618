import type { MessagePort } from "node:worker_threads";
import { MessageChannel, Worker } from "node:worker_threads";
import { wrong } from "../wire/check.js";
import type { Transport } from "../wire/client.js";
import type { LunetteError } from "../wire/errors.js";
import type { HostPort } from "../worker/host.js";
import { serve } from "../worker/host.js";
import type { Reply, Request } from "../wire/protocol.js";
import { crashed, unavailable } from "../wire/transport.js";
import { prepareHere } from "./prepare.js";
import { seeRedirects } from "./redirects.js";
import type { ThreadData } from "./thread.js";
import { openRows } from "./row-source.js";
import { openFolder } from "./store.js";
import { loadWasm } from "./wasm.js";
import { dawnFlags } from "./webgpu.js";

/** Starts the engine's thread. */
export function openWorker(make?: () => globalThis.Worker): Transport {
  if (make !== undefined) throw wrong("options.worker", "true or false in Node", make);
  const workerData: ThreadData = { dawnFlags: dawnFlags() };
  let worker: Worker;
  try {
    worker = new Worker(new URL("./thread.js", import.meta.url), {
      name: "lunette",
      workerData,
      // Do not inherit the process's flags: some, such as --input-type, prevent the script from loading.
      execArgv: [],
    });
  } catch (cause) {
    throw unavailable("worker", cause);
  }
  return new Channel(worker, () => void worker.terminate());
}

/** Runs the engine on this thread, behind the same messages. */
export function openHere(): Promise<Transport> {
  const { port1, port2 } = new MessageChannel();
  seeRedirects();
  const place = { prepare: prepareHere, openStorage: () => openFolder(), openRows };
  serve(port2 as unknown as HostPort, loadWasm, place);
  // Only the caller's end of the channel keeps the process alive.
  port2.unref();
  return Promise.resolve(new Channel(port1, () => port1.close()));
}

/** A channel that keeps the process alive only while a call waits for its result. */
class Channel implements Transport {
  readonly #waiting = new Set<number>();
  readonly #port: Worker | MessagePort;
  readonly #close: () => void;

  constructor(port: Worker | MessagePort, close: () => void) {
    this.#port = port;
    this.#close = close;
  }

  send(request: Request): void {
    this.#port.postMessage(request);
    if (request.type !== "call") return;
    this.#waiting.add(request.id);
    this.#port.ref();
  }

  listen(onReply: (reply: Reply) => void, onFailure: (error: LunetteError) => void): void {
    let ready = false;
    this.#port.on("message", (reply: Reply) => {
      ready = true;
      if (reply.type === "result" || reply.type === "error") this.#answered(reply.id);
      onReply(reply);
    });
    this.#port.on("error", (cause: Error) => onFailure(ready ? crashed(cause.message) : unavailable("worker", cause)));
    this.#port.on("messageerror", (cause: Error) => onFailure(crashed(cause.message)));
    this.#port.unref();
  }

  close(): void {
    this.#close();
  }

  #answered(id: number): void {
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) this.#port.unref();
  }
}
