import { Arrival } from "./arrival.js";
import { Library } from "./cache/library.js";
import { openOpfs } from "./cache/opfs.js";
import type { Storage } from "./cache/store.js";
import { CallControl } from "./control.js";
import { Desk } from "./desk.js";
import { codeOf, LunetteError, toWire } from "../wire/errors.js";
import { arrive, completePlan } from "./loading.js";
import { Meter } from "./meter.js";
import type { ArrivalOptions, Calls, Method, Reply, Request, WireSource, WireUrl } from "../wire/protocol.js";
import type { CachedModel, LoadPlan, ModelInfo, Progress, Recovery, TokenPlace } from "../types/index.js";
import type { OnToken, WasmAdapter, WasmEngine, WasmLoadOptions, WasmModule } from "../wire/wasm-contract.js";
import { openRowSource } from "./row-source.js";
import type { OpenRows } from "./row-source.js";
import { threadsReady } from "./threads.js";
import { requestSubgroups } from "./webgpu.js";

/** The worker's own side of its message channel, or a `MessagePort` when there is no worker. */
export interface HostPort {
  postMessage(message: Reply, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

/** Prepares the platform for a load, and returns the source to load from. */
export type Prepare = (source: WireSource, options: WasmLoadOptions) => Promise<WireSource>;

/** What a host finds where it runs. */
export interface Place {
  /** Receives the `error` events of faults that no call can catch, such as a trap inside a future. */
  scope?: EventTarget | undefined;
  prepare?: Prepare;
  /** Opens the place where models are cached. Default: the browser's file system. */
  openStorage?: () => Promise<Storage>;
  /** Opens files of rows. Default: `Blob`s and addresses. */
  openRows?: OpenRows;
  /** Called when the engine is gone, by a host whose thread ends with it. */
  onDisposed?: () => Promise<void>;
}

/** Answers the page's calls with the engine that it owns. */
export function serve(port: HostPort, loadWasm: () => Promise<WasmModule>, place: Place = {}): void {
  const { scope } = place;
  const fault = (event: Event) => host.fault(event);
  const host = new Host(port, loadWasm, {
    ...place,
    onDisposed: async () => {
      // On a page, this would keep the host for as long as the page is open.
      scope?.removeEventListener("error", fault);
      await place.onDisposed?.();
    },
  });
  port.addEventListener("message", (event) => host.receive(event.data));
  scope?.addEventListener("error", fault);
  port.postMessage({ type: "hello" }, []);
}

type Result = Calls[Method]["result"];

class Host {
  readonly #running = new Map<number, { control: CallControl; settled: Promise<void> }>();
  #engine: WasmEngine | undefined;
  /** The source of the engine's bytes. After a lost device the engine reads them again. */
  #arrival: Arrival | undefined;
  #license: string | undefined;
  #opened: Promise<Storage> | undefined;
  #warned = false;
  /** Set once the wasm instance has trapped. Its memory can no longer be trusted, so it is not called again. */
  #dead: LunetteError | undefined;
  private readonly desk: Desk;
  private readonly prepare: Prepare;

  constructor(
    private readonly port: HostPort,
    private readonly loadWasm: () => Promise<WasmModule>,
    private readonly place: Place,
  ) {
    this.desk = new Desk(loadWasm, place.openRows ?? openRowSource);
    this.prepare = place.prepare ?? ((source) => Promise.resolve(source));
  }

  receive(request: Request): void {
    if (request.type === "abort") {
      this.#running.get(request.id)?.control.abort();
      return;
    }
    const control = new CallControl();
    const settled = this.#answer(request, control);
    if (request.method !== "dispose") this.#running.set(request.id, { control, settled });
  }

  /** Handles a trap of the engine. Leaves all other errors to other listeners. */
  fault(event: Event): void {
    const error: unknown = "error" in event ? event.error : undefined;
    if (this.#running.size === 0 || !isTrap(error)) return;
    event.preventDefault();
    this.#die(error);
  }

  async #answer(request: Request & { type: "call" }, control: CallControl): Promise<void> {
    const { id } = request;
    try {
      // Wait a microtask, so that `receive` has registered the call.
      await Promise.resolve();
      if (this.#dead !== undefined) throw this.#dead;
      const onToken = request.stream
        ? (text: string, index = 0, part: TokenPlace["part"] = "critique") => {
            this.#reply({ type: "token", id, text, place: { part, index } });
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
      case "chatPrompt":
        return this.#loaded.chatPrompt(...request.args);
      case "logits":
        return this.#loaded.logits(request.args[0], control, request.args[1]);
      case "logprobs":
        return this.#loaded.logprobs(request.args[0], control, request.args[1]);
      case "states":
        return this.#loaded.states(request.args[0], control, request.args[1]);
      case "generate":
        return this.#loaded.generate(...request.args, onToken, control);
      case "judge":
        return this.#loaded.judge(...request.args, onToken, control);
      case "reward":
        return this.#loaded.reward(...request.args, control);
      case "goalFrom":
        return this.#loaded.goalFrom(...request.args, control);
      case "applyCalibration":
        return this.loadWasm().then((wasm) => wasm.applyCalibration(...request.args));
      case "combineScores":
        return this.loadWasm().then((wasm) => wasm.combineScores(...request.args));
      case "combineClasses":
        return this.loadWasm().then((wasm) => wasm.combineClasses(...request.args));
      case "combinePreferences":
        return this.loadWasm().then((wasm) => wasm.combinePreferences(...request.args));
      case "checkTerms":
        return this.loadWasm().then((wasm) => {
          wasm.checkTerms(...request.args);
          return undefined;
        });
      case "prepareRow":
        return this.loadWasm().then((wasm) => wasm.prepareRow(...request.args));
      case "rowWorth":
        return this.loadWasm().then((wasm) => wasm.rowWorth(...request.args));
      case "openRows":
        return this.desk.open(...request.args);
      case "nextRows":
        return this.desk.next();
      case "addResults":
        return this.desk.add(...request.args);
      case "report":
        return this.desk.report(...request.args);
      case "compareRuns":
        return this.desk.compare(...request.args);
      case "renderReport":
        return this.loadWasm().then((wasm) => wasm.renderReport(...request.args));
      case "dispose":
        return this.#dispose();
    }
  }

  get #loaded(): WasmEngine {
    if (this.#engine === undefined) throw new LunetteError("disposed", "No model is loaded any more.");
    return this.#engine;
  }

  async #load(id: number, ...[from, options, beside, control]: LoadArgs): Promise<ModelInfo> {
    const { WasmEngine, WasmSha256: Sha256 } = await this.loadWasm();
    const { cache } = beside;
    const source = await this.prepare(from, options);
    requestSubgroups(!options.disable?.includes("subgroups"));
    const meter = this.#meter(id);
    const storage = cache && source.kind === "url" ? await this.#storage(meter) : undefined;
    const arrival = new Arrival({ source, Sha256, meter, storage });
    let ready: Progress | undefined;
    const onProgress = (progress: Progress) => {
      if (progress.phase === "ready") ready = progress;
      else if (progress.phase === "compile") meter.step(progress);
      // During a download, progress counts the bytes that arrive.
      else if (!arrival.remote) meter.bytes("upload", progress.loaded, progress.total);
    };
    const read = await this.#beside(beside, options, meter, control);
    const load = () => WasmEngine.load(arrival, options, onProgress, this.#onRecovery, control, ...shared(read));
    try {
      this.#engine = await arrive(arrival, control, meter, load);
      await threadsReady();
    } finally {
      free(read);
    }
    this.#arrival = arrival;
    this.#license = from.kind === "url" ? from.license : undefined;
    if (ready !== undefined) meter.step(ready);
    return this.#info();
  }

  async #plan(...[from, options, beside, control]: LoadArgs): Promise<LoadPlan> {
    const { planLoad, WasmSha256: Sha256 } = await this.loadWasm();
    const source = await this.prepare(from, options);
    const storage = source.kind === "url" ? await this.#openStorage() : undefined;
    const meter = new Meter(() => undefined);
    const arrival = new Arrival({ source, Sha256, meter, storage: beside.cache ? storage : undefined, plan: true });
    const read = await this.#beside(beside, options, meter, control);
    try {
      const plan = await arrive(arrival, control, meter, async () => {
        const plan = await planLoad(arrival, options, control, ...shared(read));
        // This must be read while the files are open.
        return { ...plan, cached: Math.min(arrival.arrived, plan.model.bytes) };
      });
      return await completePlan(plan, source, storage);
    } finally {
      free(read);
    }
  }

  /** Reads adapters and a head whole. Each file is checked and cached for itself, as a model's is. */
  async #beside(
    { adapters, head, cache }: ArrivalOptions,
    options: WasmLoadOptions,
    meter: Meter,
    control: CallControl,
  ): Promise<Beside> {
    const { WasmAdapter, WasmSha256: Sha256 } = await this.loadWasm();
    const read = async (from: WireSource): Promise<WasmAdapter> => {
      const source = await this.prepare(from, options);
      const storage = cache && source.kind === "url" ? await this.#storage(meter) : undefined;
      const arrival = new Arrival({ source, Sha256, meter, storage });
      try {
        return await arrive(arrival, control, meter, () => WasmAdapter.read(arrival));
      } finally {
        await arrival.dispose();
      }
    };
    const beside: Beside = { adapters: [], head: undefined };
    for (const from of adapters) beside.adapters.push(await read(from));
    if (head !== undefined) beside.head = await read(head);
    return beside;
  }

  async #import(file: Blob, source: WireUrl | undefined): Promise<CachedModel> {
    const { WasmSha256 } = await this.loadWasm();
    return (await this.#library()).import(file, source, WasmSha256);
  }

  /** The engine's current state. The licence may come from the caller instead of the file. */
  #info(): ModelInfo {
    const info = this.#loaded.info();
    const license = info.license ?? this.#license;
    return license === undefined ? info : { ...info, license };
  }

  readonly #onRecovery = (event: Recovery): void => {
    this.#reply({ type: "recovery", event });
    if (event.phase === "lost") return;
    // Send this later: the engine is still in the middle of the recovery that it reports.
    setTimeout(() => {
      void threadsReady().then(() => {
        if (this.#engine !== undefined && this.#dead === undefined) this.#reply({ type: "info", info: this.#info() });
      });
    });
  };

  #meter(id: number): Meter {
    return new Meter((progress) => {
      this.#reply({ type: "progress", id, progress });
    });
  }

  /** The place where models are cached. If there is none, this warns. */
  async #storage(meter: Meter): Promise<Storage> {
    const storage = await this.#openStorage();
    if ("store" in storage) return storage;
    const note = `The model is not kept and will be downloaded again next time: ${storage.missing}.`;
    meter.note("storage", note);
    if (!this.#warned) console.warn(`Lunette: ${note}`);
    this.#warned = true;
    return storage;
  }

  async #library(): Promise<Library> {
    return Library.in(await this.#openStorage());
  }

  #openStorage(): Promise<Storage> {
    this.#opened ??= (this.place.openStorage ?? openOpfs)();
    return this.#opened;
  }

  /** Ends all calls first: an engine cannot be freed while a call borrows it. */
  async #dispose(): Promise<undefined> {
    const calls = [...this.#running.values()];
    for (const call of calls) call.control.abort();
    await Promise.all(calls.map((call) => call.settled));
    if (this.#dead === undefined) this.#engine?.free();
    this.#engine = undefined;
    await this.#arrival?.dispose();
    this.#arrival = undefined;
    this.desk.close();
    await this.place.onDisposed?.();
    return undefined;
  }

  #die(cause: Error): void {
    this.#dead ??= new LunetteError(
      "internal",
      "The engine crashed and cannot continue. Dispose of it and load the model again. Please report it.",
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

/** What stands beside a model. */
interface Beside {
  adapters: WasmAdapter[];
  head: WasmAdapter | undefined;
}

/** Handles for one load, which takes them. */
const shared = ({ adapters, head }: Beside): [WasmAdapter[], WasmAdapter | undefined] => [
  adapters.map((adapter) => adapter.share()),
  head?.share(),
];

function free({ adapters, head }: Beside): void {
  for (const adapter of adapters) adapter.free();
  head?.free();
}

/** Whether an error is a trap or a stack overflow of the wasm code. Both leave the instance in an unknown state. */
function isTrap(error: unknown): error is Error {
  return error instanceof WebAssembly.RuntimeError || (error instanceof RangeError && codeOf(error) === undefined);
}

/** The buffers of a result that can be transferred to the page instead of copied. */
function buffersOf(value: Result): Transferable[] {
  const arrays: unknown[] = [value];
  if (typeof value === "object" && "tokens" in value) arrays.push(...(Object.values(value) as unknown[]));
  return arrays
    .filter((array): array is Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer> => ArrayBuffer.isView(array))
    .filter((array) => array.byteLength > 0 && array.byteLength === array.buffer.byteLength)
    .map((array) => array.buffer);
}

type LoadArgs = [...Calls["load"]["args"], CallControl];
