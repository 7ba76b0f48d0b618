import type { Transport } from "./client.js";
import { LunetteError, toWire } from "./errors.js";
import type { Method, Reply, Request } from "./protocol.js";

/** More calls than fit into a batch, so that the engine always has its next ones at hand. */
const INSIDE = 256;
/** More rows than a data set has that is handed over at once. Past that, calls come faster than they can be answered. */
const MOST_WAITING = 50_000;

/** Calls that compute. All others are answered at once and are always admitted. */
const LONG: ReadonlySet<Method> = new Set<Method>([
  "generate",
  "goalFrom",
  "judge",
  "logits",
  "logprobs",
  "reward",
  "states",
]);

type LongCall = Request & { type: "call" };

/**
 * Admission control and back-pressure: at most `inside` long calls are with the engine. The others wait on this side, in
 * their order. There a call costs no more than its texts, and one that is aborted is gone at once. When `waiting` calls
 * wait, the next one is refused.
 */
export class AdmissionControl implements Transport {
  readonly #inside = new Set<number>();
  readonly #waiting = new Map<number, LongCall>();
  #onReply: ((reply: Reply) => void) | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly limits = { inside: INSIDE, waiting: MOST_WAITING },
  ) {}

  /** @throws {LunetteError} `overloaded`. */
  send(request: Request): void {
    if (request.type === "abort") {
      if (!this.#waiting.delete(request.id)) this.transport.send(request);
      return;
    }
    if (request.method === "dispose") this.#waiting.clear();
    if (!LONG.has(request.method)) this.transport.send(request);
    else if (this.#inside.size < this.limits.inside) this.#enter(request);
    else if (this.#waiting.size < this.limits.waiting) this.#waiting.set(request.id, request);
    else throw overloaded(this.limits.waiting);
  }

  listen(onReply: (reply: Reply) => void, onFailure: (error: LunetteError) => void): void {
    this.#onReply = onReply;
    this.transport.listen((reply) => {
      if (reply.type === "result" || reply.type === "error") this.#leave(reply.id);
      onReply(reply);
    }, onFailure);
  }

  close(): void {
    this.#waiting.clear();
    this.transport.close();
  }

  #enter(request: LongCall): void {
    this.transport.send(request);
    this.#inside.add(request.id);
  }

  #leave(id: number): void {
    if (!this.#inside.delete(id)) return;
    const [next] = this.#waiting.values();
    if (next === undefined) return;
    this.#waiting.delete(next.id);
    try {
      this.#enter(next);
    } catch (error) {
      this.#onReply?.({ type: "error", id: next.id, error: toWire(error) });
    }
  }
}

function overloaded(waiting: number): LunetteError {
  const message =
    `${waiting} calls are waiting for this engine, which is the limit. Await some of them before you make others, ` +
    "for example by passing rows in batches.";
  return new LunetteError("overloaded", message);
}
