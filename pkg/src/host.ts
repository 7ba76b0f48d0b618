import { Arrival } from "./arrival.js";
import { Library } from "./cache/library.js";
import { openOpfs } from "./cache/opfs.js";
import { tooLittle } from "./cache/room.js";
import type { Storage } from "./cache/store.js";
import { CallControl } from "./control.js";
import { codeOf, LunetteError, toWire } from "./errors.js";
import { Meter } from "./meter.js";
import type { Calls, Method, Reply, Request, WireSource, WireUrl } from "./protocol.js";
import { StartOver } from "./source/part.js";
import type { CachedModel, LoadPlan, ModelInfo, Progress, Recovery } from "./types.js";
import type { OnToken, WasmEngine, WasmLoadPlan, WasmModule } from "./wasm-contract.js";
import { requestSubgroups } from "./webgpu.js";

/** The worker's own side of its message channel, or a `MessagePort` when there is no worker. */
export interface HostPort {
  postMessage(message: Reply, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

/**
 * Answers the page's calls with the engine that it owns.
 *
 * @param openStorage finds out where models can be kept; by default, that is the browser's place for it.
 * @param scope where a fault that no call can catch is reported: a trap inside a future surfaces as an `error` event.
 */
export function serve(
  port: HostPort,
  scope: EventTarget | undefined,
  loadWasm: () => Promise<WasmModule>,
  openStorage: () => Promise<Storage> = openOpfs,
): void {
  const host = new Host(port, loadWasm, openStorage);
  port.addEventListener("message", (event) => host.receive(event.data));
  scope?.addEventListener("error", (event) => host.fault(event));
  port.postMessage({ type: "hello" }, []);
}

type Result = Calls[Method]["result"];

class Host {
  readonly #running = new Map<number, { control: CallControl; settled: Promise<void> }>();
  #engine: WasmEngine | undefined;
  /** Where the engine's bytes come from, also later: after a lost device it reads them again. */
  #arrival: Arrival | undefined;
  #license: string | undefined;
  #opened: Promise<Storage> | undefined;
  #warned = false;
  /** Set once the wasm instance has trapped: its memory can no longer be trusted, so nothing is called again. */
  #dead: LunetteError | undefined;

  constructor(
    private readonly port: HostPort,
    private readonly loadWasm: () => Promise<WasmModule>,
    private readonly openStorage: () => Promise<Storage>,
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
        return this.#plan(...request.args, control);
      case "listModels":
        return this.#library().then((library) => library.list());
      case "storageUsage":
        return this.#library().then((library) => library.usage());
      case "deleteModel":
        return this.#library().then((library) => library.delete(...request.args));
      case "exportModel":
        return this.#library().then((library) => library.export(...request.args));
      case "importModel":
        return this.#import(...request.args);
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

  async #load(id: number, ...[source, options, { cache }, control]: LoadArgs): Promise<ModelInfo> {
    const { WasmEngine, WasmSha256: Sha256 } = await this.loadWasm();
    requestSubgroups(!options.disable?.includes("subgroups"));
    const meter = this.#meter(id);
    const storage = cache && source.kind === "url" ? await this.#storage(meter) : undefined;
    const arrival = new Arrival({ source, Sha256, meter, storage });
    let ready: Progress | undefined;
    const onProgress = (progress: Progress) => {
      if (progress.phase === "ready") ready = progress;
      else if (progress.phase === "compile") meter.step(progress);
      // While bytes still come, it is their arrival that counts.
      else if (!arrival.remote) meter.bytes("upload", progress.loaded, progress.total);
    };
    const load = () => WasmEngine.load(arrival, options, onProgress, this.#onRecovery, control);
    this.#engine = await arrive(arrival, control, meter, load);
    this.#arrival = arrival;
    this.#license = source.kind === "url" ? source.license : undefined;
    if (ready !== undefined) meter.step(ready);
    return this.#info();
  }

  async #plan(...[source, options, { cache }, control]: LoadArgs): Promise<LoadPlan> {
    const { planLoad, WasmSha256: Sha256 } = await this.loadWasm();
    const storage = source.kind === "url" ? await this.#openStorage() : undefined;
    const meter = new Meter(() => undefined);
    const arrival = new Arrival({ source, Sha256, meter, storage: cache ? storage : undefined, plan: true });
    const plan = await arrive(arrival, control, meter, async () => {
      const plan = await planLoad(arrival, options, control);
      // Read while the files are open: later nobody knows.
      return { ...plan, cached: Math.min(arrival.arrived, plan.model.bytes) };
    });
    return complete(plan, source, storage);
  }

  async #import(file: Blob, source: WireUrl | undefined): Promise<CachedModel> {
    const { WasmSha256 } = await this.loadWasm();
    return (await this.#library()).import(file, source, WasmSha256);
  }

  /** The engine as it is now; its licence may be known to the caller alone. */
  #info(): ModelInfo {
    const info = this.#loaded.info();
    const license = info.license ?? this.#license;
    return license === undefined ? info : { ...info, license };
  }

  readonly #onRecovery = (event: Recovery): void => {
    this.#reply({ type: "recovery", event });
    if (event.phase === "lost") return;
    // Later: the engine that tells of it is still at work on it.
    setTimeout(() => {
      if (this.#engine !== undefined && this.#dead === undefined) this.#reply({ type: "info", info: this.#info() });
    });
  };

  #meter(id: number): Meter {
    return new Meter((progress) => {
      this.#reply({ type: "progress", id, progress });
    });
  }

  /** Where models are kept; where they cannot be, that is said and not silently put up with. */
  async #storage(meter: Meter): Promise<Storage> {
    const storage = await this.#openStorage();
    if ("store" in storage) return storage;
    const note = `The model is not kept, and is fetched again next time: ${storage.missing}.`;
    meter.note("storage", note);
    if (!this.#warned) console.warn(`Lunette: ${note}`);
    this.#warned = true;
    return storage;
  }

  async #library(): Promise<Library> {
    return Library.in(await this.#openStorage());
  }

  #openStorage(): Promise<Storage> {
    this.#opened ??= this.openStorage();
    return this.#opened;
  }

  /** Ends the calls first: an engine cannot be freed while one of them borrows it. */
  async #dispose(): Promise<undefined> {
    const calls = [...this.#running.values()];
    for (const call of calls) call.control.abort();
    await Promise.all(calls.map((call) => call.settled));
    if (this.#dead === undefined) this.#engine?.free();
    this.#engine = undefined;
    await this.#arrival?.dispose();
    this.#arrival = undefined;
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

type LoadArgs = [...Calls["load"]["args"], CallControl];

/** Hosts that change a file while it is read, and disks that damage one, get this many chances. */
const STARTS = 3;

/** Does with a model what is to be done, from the start again where its bytes turn out to be others. */
async function arrive<T extends object>(
  arrival: Arrival,
  control: CallControl,
  meter: Meter,
  work: () => Promise<T>,
): Promise<T> {
  for (let start = 1; ; start += 1) {
    let result: T | undefined;
    try {
      await arrival.begin(control.signal);
      result = await work();
      await arrival.verify();
      if (control.aborted) throw new LunetteError("aborted", "The load was aborted.");
      return result;
    } catch (error) {
      if (result !== undefined && "free" in result) (result as unknown as WasmEngine).free();
      // Rust passes the message of a failed read on; the original also has its cause.
      const failure: unknown = control.aborted ? error : (arrival.failure ?? error);
      await arrival.end();
      if (!(failure instanceof StartOver)) {
        if (isUseless(failure)) await arrival.discard();
        throw failure;
      }
      if (start === STARTS) throw new LunetteError("source", `${failure.message} It is given up.`, { cause: failure });
      meter.note("start", failure.message);
      if (failure.uncached) arrival.giveUpStorage();
    } finally {
      await arrival.end();
    }
  }
}

/** Whether a file will be of no more use the next time. */
function isUseless(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return ["invalid-file", "truncated", "invalid-model"].includes(code) || code.startsWith("unsupported-");
}

/** A plan with what the engine does not know: what is to be fetched, and where it can be kept. */
async function complete(
  { cached, ...plan }: WasmLoadPlan & { cached: number },
  source: WireSource,
  storage: Storage | undefined,
): Promise<LoadPlan> {
  const space = storage !== undefined && "store" in storage ? await storage.store.space() : undefined;
  const free = space === undefined ? undefined : Math.max(0, space.quota - space.usage);
  const bytes = source.kind === "url" ? plan.model.bytes - cached : 0;
  const license = plan.model.license ?? (source.kind === "url" ? source.license : undefined);
  const reasons = [...plan.reasons];
  if (free !== undefined && bytes > free) reasons.push(tooLittle(bytes, free));
  if (storage !== undefined && "missing" in storage) reasons.push(`The model cannot be kept: ${storage.missing}.`);
  return {
    ...plan,
    model: license === undefined ? plan.model : { ...plan.model, license },
    download: { bytes, cached },
    storage: {
      available: storage === undefined || "store" in storage,
      ...space,
      ...(free === undefined ? {} : { free }),
    },
    reasons,
  };
}
