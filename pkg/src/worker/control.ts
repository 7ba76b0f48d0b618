import type { Control } from "../wire/wasm-contract.js";

/** One call as the engine sees it while it runs. */
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

/** Resolves in a later task, so that messages are handled in between. A timer would be clamped to 4 ms. */
function macrotask(): Promise<void> {
  const immediate = (globalThis as { setImmediate?: (callback: () => void) => void }).setImmediate;
  // Node: an open MessageChannel would keep the process alive.
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
