import type { Control } from "../wire/wasm-contract.js";

/** The cancellation and yielding of one call, as the engine sees it. */
export class CallControl implements Control {
  readonly #aborting = new AbortController();

  get aborted(): boolean {
    return this.#aborting.signal.aborted;
  }

  get signal(): AbortSignal {
    return this.#aborting.signal;
  }

  abort(): void {
    this.#aborting.abort();
  }

  pause(): Promise<void> {
    return macrotask();
  }
}

const waiting: (() => void)[] = [];
let channel: MessageChannel | undefined;

/** Yields to the event loop, so that messages are handled. Browsers clamp timers to 4 ms, so this uses messages. */
function macrotask(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate;
  // In Node an open MessageChannel keeps the process alive.
  if (immediate !== undefined)
    return new Promise((resolve) => {
      immediate(resolve);
    });
  if (channel === undefined) {
    channel = new MessageChannel();
    channel.port1.onmessage = () => waiting.shift()?.();
  }
  const { port2 } = channel;
  return new Promise((resolve) => {
    waiting.push(resolve);
    port2.postMessage(undefined);
  });
}
