import { openSource } from "./bytes.js";
import type { OpenSource } from "./bytes.js";
import { CallControl } from "./control.js";
import { codeOf, LunetteError, toWire } from "./errors.js";
import type { ArrivalOptions, Calls, Method, Reply, Request, WireSource } from "./protocol.js";
import type { ModelInfo, Progress, Recovery } from "./types.js";
import type { ModelBytes, OnToken, WasmEngine, WasmLoadOptions, WasmModule } from "./wasm-contract.js";
import { requestSubgroups } from "./webgpu.js";

/** The worker's own side of its message channel, or a `MessagePort` when there is no worker. */
export interface HostPort {
  postMessage(message: Reply, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

/** Makes ready what a load needs, and says where its bytes then come from. */
export type Prepare = (source: WireSource, options: WasmLoadOptions) => Promise<WireSource>;

/**
 * Answers the page's calls with the engine that it owns.
 *
 * @param scope where a fault that no call can catch is reported: a trap inside a future surfaces as an `error` event.
 */
export function serve(
  port: HostPort,
  scope: EventTarget | undefined,
  loadWasm: () => Promise<WasmModule>,
  prepare?: Prepare,
): void {
  const host = new Host(port, loadWasm, prepare);
  port.addEventListener("message", (event) => host.receive(event.data));
  scope?.addEventListener("error", (event) => host.fault(event));
  port.postMessage({ type: "hello" }, []);
}

type Result = Calls[Method]["result"];

class Host {
  readonly #running = new Map<number, { control: CallControl; settled: Promise<void> }>();
  #engine: WasmEngine | undefined;
  /** Set once the wasm instance has trapped: its memory can no longer be trusted, so nothing is called again. */
  #dead: LunetteError | undefined;

  constructor(
    private readonly port: HostPort,
    private readonly loadWasm: () => Promise<WasmModule>,
    private readonly prepare: Prepare = (source) => Promise.resolve(source),
  ) {}

  receive(request: Request): void {
    if (request.type === "abort") {
      this.#running.get(request.id)?.control.abort();
      return;
    }
    const control = new CallControl();
    const settled = this.#answer(request, control);
    if (request.method !== "dispose") this.#running.set(request.id, { control, settled });
  }

  /** Takes a fault of the engine for its own and says so; leaves all others to whoever listens. */
  fault(event: Event): void {
    const error: unknown = "error" in event ? event.error : undefined;
    if (this.#running.size === 0 || !isTrap(error)) return;
    event.preventDefault();
    this.#die(error);
  }

  async #answer(request: Request & { type: "call" }, control: CallControl): Promise<void> {
    const { id } = request;
    try {
      // Begun in a later microtask, so that `receive` has noted the call.
      await Promise.resolve();
      if (this.#dead !== undefined) throw this.#dead;
      const onToken = request.stream
        ? (text: string, index = 0) => {
            this.#reply({ type: "token", id, text, index });
          }
        : undefined;
      const value = await this.#call(request, onToken, control);
      this.#reply({ type: "result", id, value }, buffersOf(value));
    } catch (error) {
      if (isTrap(error)) this.#die(error);
      else this.#reply({ type: "error", id, error: toWire(error) });
    } finally {
      this.#running.delete(id);
    }
  }

  #call(request: Request & { type: "call" }, onToken: OnToken, control: CallControl): Result | Promise<Result> {
    switch (request.method) {
      case "load":
        return this.#load(request.id, ...request.args, control);
      case "plan":
      case "listModels":
      case "storageUsage":
      case "deleteModel":
      case "importModel":
      case "exportModel":
      case "persist":
        throw new LunetteError("internal", `"${request.method}" is not answered yet.`);
      case "tokenize":
        return this.#loaded.tokenize(...request.args);
      case "detokenize":
        return this.#loaded.detokenize(...request.args);
      case "logits":
        return this.#loaded.logits(...request.args, control);
      case "logprobs":
        return this.#loaded.logprobs(...request.args, control);
      case "generate":
        return this.#loaded.generate(...request.args, onToken, control);
      case "judge":
        return this.#loaded.judge(...request.args, onToken, control);
      case "applyCalibration":
        return this.loadWasm().then((wasm) => wasm.applyCalibration(...request.args));
      case "combineScores":
        return this.loadWasm().then((wasm) => wasm.combineScores(...request.args));
      case "combineClasses":
        return this.loadWasm().then((wasm) => wasm.combineClasses(...request.args));
      case "combinePreferences":
        return this.loadWasm().then((wasm) => wasm.combinePreferences(...request.args));
      case "dispose":
        return this.#dispose();
    }
  }

  get #loaded(): WasmEngine {
    if (this.#engine === undefined) throw new LunetteError("disposed", "No model is loaded here any more.");
    return this.#engine;
  }

  async #load(
    id: number,
    from: WireSource,
    options: WasmLoadOptions,
    _arrival: ArrivalOptions,
    control: CallControl,
  ): Promise<ModelInfo> {
    const { WasmEngine } = await this.loadWasm();
    const source = await this.prepare(from, options);
    requestSubgroups(!options.disable?.includes("subgroups"));
    const opened: OpenSource[] = [];
    const model: ModelBytes = {
      parts: source.parts.length,
      async open(part) {
        const bytes = await openSource(source, control.signal, part);
        opened.push(bytes);
        return bytes;
      },
    };
    const report = throttle((progress) => {
      this.#reply({ type: "progress", id, progress });
    });
    const recovery = (event: Recovery) => {
      this.#reply({ type: "recovery", event });
    };
    try {
      const engine = await WasmEngine.load(model, options, report, recovery, control);
      if (control.aborted) {
        engine.free();
        throw new LunetteError("aborted", "The load was aborted.");
      }
      this.#engine = engine;
    } catch (error) {
      // Rust passes the message of a failed read on; the original also has its cause.
      throw opened.find((bytes) => bytes.failure !== undefined)?.failure ?? error;
    } finally {
      for (const bytes of opened) bytes.close();
    }
    const info = this.#engine.info();
    const license = info.license ?? (from.kind === "url" ? from.license : undefined);
    return license === undefined ? info : { ...info, license };
  }

  /** Ends the calls first: an engine cannot be freed while one of them borrows it. */
  async #dispose(): Promise<undefined> {
    const calls = [...this.#running.values()];
    for (const call of calls) call.control.abort();
    await Promise.all(calls.map((call) => call.settled));
    if (this.#dead === undefined) this.#engine?.free();
    this.#engine = undefined;
    return undefined;
  }

  #die(cause: Error): void {
    this.#dead ??= new LunetteError(
      "internal",
      "The engine stopped on a fault of its own and cannot go on. Dispose of it and load the model again; please report it.",
      { cause },
    );
    const error = toWire(this.#dead);
    for (const id of this.#running.keys()) this.#reply({ type: "error", id, error });
    this.#running.clear();
  }

  #reply(reply: Reply, transfer: Transferable[] = []): void {
    this.port.postMessage(reply, transfer);
  }
}

/** A trap of the wasm code, or its stack overflowing: after either the instance is in no known state. */
function isTrap(error: unknown): error is Error {
  return error instanceof WebAssembly.RuntimeError || (error instanceof RangeError && codeOf(error) === undefined);
}

/** The buffers of a result that can move to the page instead of being copied. */
function buffersOf(value: Result): Transferable[] {
  const arrays: unknown[] = [value];
  if (typeof value === "object" && "tokens" in value) arrays.push(value.tokens, value.logprobs);
  return arrays
    .filter((array): array is Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer> => ArrayBuffer.isView(array))
    .filter((array) => array.byteLength > 0 && array.byteLength === array.buffer.byteLength)
    .map((array) => array.buffer);
}

/** A chunk may arrive every few hundred microseconds; nobody reads that fast. */
const PROGRESS_INTERVAL_MS = 50;

function throttle(report: (progress: Progress) => void): (progress: Progress) => void {
  let last: { phase: Progress["phase"]; at: number } | undefined;
  return (progress) => {
    const now = performance.now();
    const done = progress.loaded === progress.total || progress.phase === "ready";
    if (last?.phase === progress.phase && !done && now - last.at < PROGRESS_INTERVAL_MS) return;
    last = { phase: progress.phase, at: now };
    report(progress);
  };
}
