import { fromWire, LunetteError } from "./errors.js";
import type { Call, Calls, Method, Reply, Request } from "./protocol.js";
import type { ModelInfo, Progress, Recovery, TokenPlace } from "../types/index.js";

/** The page's end of a message channel to a host. */
export interface Transport {
  send(request: Request): void;
  /** @param onFailure called when the host has died or did not start. */
  listen(onReply: (reply: Reply) => void, onFailure: (error: LunetteError) => void): void;
  close(): void;
}

/** How a caller follows a call. */
export interface Watch {
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: Progress) => void) | undefined;
  onToken?: ((text: string, place: TokenPlace) => void) | undefined;
}

interface Pending extends Watch {
  resolve(value: Calls[Method]["result"]): void;
  reject(error: LunetteError): void;
}

/** Time that a busy engine gets to end, before its worker is terminated. */
const GRACE_MS = 1000;

/** Remote calls over a {@link Transport}. Each call has an id and its own callbacks, and settles exactly once. */
export class Client {
  /** Receives events that belong to no call. */
  onRecovery: ((event: Recovery) => void) | undefined;
  onInfo: ((info: ModelInfo) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #closed: LunetteError | undefined;
  #closing: Promise<void> | undefined;

  constructor(private readonly transport: Transport) {
    transport.listen(
      (reply) => this.#receive(reply),
      (error) => this.#end(error),
    );
  }

  async call<M extends Method>(method: M, args: Calls[M]["args"], watch: Watch = {}): Promise<Calls[M]["result"]> {
    if (this.#closed !== undefined) throw this.#closed;
    return await this.#send({ method, args } as Call, watch);
  }

  /** Ends every call, frees the engine and closes the channel. */
  dispose(): Promise<void> {
    this.#closing ??= this.#dispose();
    return this.#closing;
  }

  async #dispose(): Promise<void> {
    if (this.#closed !== undefined) return;
    this.#fail(new LunetteError("disposed", "This engine was disposed of. Load the model again."));
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GRACE_MS);
      const done = () => {
        clearTimeout(timer);
        resolve();
      };
      // The channel is closed next in either case.
      this.#send({ method: "dispose", args: [] }, {}).then(done, done);
    });
    this.transport.close();
  }

  #send(call: Call, { signal, onProgress, onToken }: Watch): Promise<Calls[Method]["result"]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(aborted(signal));
        return;
      }
      const id = ++this.#lastId;
      const abort = () => {
        this.#settle(id)?.reject(aborted(signal));
        this.transport.send({ type: "abort", id });
      };
      signal?.addEventListener("abort", abort, { once: true });
      const release = () => signal?.removeEventListener("abort", abort);
      this.#pending.set(id, {
        onProgress,
        onToken,
        resolve: (value) => {
          release();
          resolve(value);
        },
        reject: (error) => {
          release();
          reject(error);
        },
      });
      try {
        this.transport.send({ ...call, type: "call", id, stream: onToken !== undefined });
      } catch (cause) {
        this.#settle(id)?.reject(unsendable(cause));
      }
    });
  }

  #receive(reply: Reply): void {
    switch (reply.type) {
      case "hello":
        return;
      case "progress":
        notify(() => this.#pending.get(reply.id)?.onProgress?.(reply.progress));
        return;
      case "token":
        notify(() => this.#pending.get(reply.id)?.onToken?.(reply.text, reply.place));
        return;
      case "recovery":
        notify(() => this.onRecovery?.(reply.event));
        return;
      case "info":
        this.onInfo?.(reply.info);
        return;
      // An aborted call is no longer pending, so its late result is dropped.
      case "result":
        this.#settle(reply.id)?.resolve(reply.value);
        return;
      case "error":
        this.#settle(reply.id)?.reject(fromWire(reply.error));
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #fail(error: LunetteError): void {
    this.#closed ??= error;
    const calls = [...this.#pending.values()];
    this.#pending.clear();
    for (const call of calls) call.reject(error);
  }

  /** Ends all calls after the host has died. */
  #end(error: LunetteError): void {
    this.#fail(error);
    this.transport.close();
  }
}

function aborted(signal: AbortSignal | undefined): LunetteError {
  return new LunetteError("aborted", "The call was aborted.", { cause: signal?.reason });
}

function unsendable(cause: unknown): LunetteError {
  if (cause instanceof LunetteError) return cause;
  const message = `The arguments cannot be sent to the engine's thread (${String(cause)}). Pass plain data.`;
  return new LunetteError("invalid-argument", message, { cause });
}

/** Runs a caller's callback. What it throws is reported as an uncaught error, and does not affect the call. */
function notify(callback: () => void): void {
  try {
    callback();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
