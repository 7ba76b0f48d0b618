import * as generated from "../../wasm/lunette.js";
import { sharedMemory } from "./memory.js";
import type { WasmModule } from "../wire/wasm-contract.js";

/** What a thread needs: the module, and the memory that all its instances share. */
export interface Share {
  module: WebAssembly.Module;
  memory: WebAssembly.Memory;
}

/** Where threads can be had. */
export interface ThreadHost {
  /** Threads that the machine runs at once. */
  cores: number;
  /** Starts a thread that runs {@link help}. Resolves once it helps. */
  open(share: Share): Promise<void>;
  /** Ends all that were started. */
  close(): Promise<void>;
}

/** What {@link help} listens to. */
export interface ThreadPort {
  postMessage(message: "ready"): void;
}

/** Most threads unless more are asked for: beyond, the memory is the limit. */
const MOST_BY_ITSELF = 16;
/** How long a load waits for threads, in milliseconds. */
const PATIENCE = 3000;

const wasm = generated as unknown as WasmModule;

let host: ThreadHost | undefined;
let started = 0;
let arriving: Promise<unknown> = Promise.resolve();

/** Instantiates the module over shared memory, if there is some, so that threads can help once a model needs them. */
export async function instantiateShared(published: Uint8Array<ArrayBuffer>, from: ThreadHost): Promise<void> {
  const memory = sharedMemory(published);
  if (memory === undefined) {
    await wasm.default({ module_or_path: published });
    return;
  }
  const share = { module: await WebAssembly.compile(published), memory };
  await wasm.default({ module_or_path: share.module, memory });
  host = from;
  wasm.startThreadsBy((wanted = Math.min(from.cores, MOST_BY_ITSELF)) => {
    const missing = wanted - 1 - started;
    if (missing <= 0) return;
    started += missing;
    arriving = Promise.all([arriving, ...Array.from({ length: missing }, () => open(from, share))]);
  });
}

/** Waits a while for the threads that have been asked for: those that come later help as well. */
export async function threadsReady(): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)));
  await Promise.race([arriving, late]);
  clearTimeout(timer);
}

/** Ends the threads of an engine that is not used any more. Those that are ended with their owner live on for seconds in Chromium,
 * and Node never frees all that it keeps of them. */
export async function endThreads(): Promise<void> {
  await host?.close();
}

async function open(host: ThreadHost, share: Share): Promise<void> {
  try {
    await host.open(share);
  } catch (error) {
    // The other threads do its work.
    console.debug("Lunette: a thread could not be started.", error);
  }
}

/** Helps the engine whose memory is shared. Never returns. */
export async function help({ module, memory }: Share, port: ThreadPort): Promise<void> {
  await wasm.default({ module_or_path: module, memory });
  wasm.joinThreads();
  port.postMessage("ready");
  try {
    wasm.helpThreads();
  } catch (error) {
    wasm.threadFailed();
    throw error;
  }
}
