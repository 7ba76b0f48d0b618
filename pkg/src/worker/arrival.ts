import { CACHE_SCHEME } from "./cache/address.js";
import { lookUp, missingModel } from "./cache/lookup.js";
import { CachedPart } from "./cache/part.js";
import { fileKey } from "./cache/record.js";
import type { FileRecord } from "./cache/record.js";
import { requireRoom } from "./cache/room.js";
import type { Release, Storage, Store } from "./cache/store.js";
import { LunetteError } from "../wire/errors.js";
import type { Meter } from "./meter.js";
import type { WireSource, WireUrl } from "../wire/protocol.js";
import { BlobPart } from "./source/blob.js";
import { sizeOf } from "./source/http.js";
import { StartOver } from "./source/part.js";
import type { Expected, Part, Surroundings } from "./source/part.js";
import type { RetryPolicy } from "./source/retry.js";
import { StreamedPart } from "./source/streamed.js";
import type { ByteSource, ModelBytes, WasmSha256Class } from "../wire/wasm-contract.js";

export interface ArrivalSettings {
  source: WireSource;
  Sha256: WasmSha256Class;
  meter: Meter;
  /** `undefined`: nothing is written to a cache. */
  storage: Storage | undefined;
  /** Read the headers only. Fetch no byte that is not read, and wait for no lock. */
  plan?: boolean;
  retry?: RetryPolicy;
}

/** Files of a split model that are downloaded in parallel. */
const PARALLEL = 4;
/** Read-ahead of a plan, in bytes. A plan stops after the header. */
const PLAN_LEASH = 256 << 10;

/** The open files of a model, for one load, plan or read. */
interface Session {
  parts: Part[];
  /** Number of open readers of each part. */
  readers: number[];
  closing: AbortController;
  release: Release | undefined;
  /** `load` fetches all missing bytes, read or not. `reading` ends when its last reader closes. */
  purpose: "load" | "plan" | "reading";
}

/**
 * The bytes of a model for the engine. They come from the network, the cache or a file, are checked, and are cached where
 * the caller wants that. It lives as long as the engine, because the engine reads the model again after a lost device.
 */
export class Arrival implements ModelBytes {
  /** The error of the last failed read. Rust passes its message on, but not its cause. */
  failure: Error | undefined;
  #session: Promise<Session> | undefined;
  #live: Session | undefined;
  #storage: Storage | undefined;
  /** SHA-256 of each file at its first read. A later read must give the same. */
  #hashes: (string | undefined)[] = [];
  readonly #disposing = new AbortController();

  constructor(private readonly settings: ArrivalSettings) {
    this.#storage = settings.storage;
  }

  get parts(): number {
    return this.settings.source.parts.length;
  }

  /** Begins a load or a plan. {@link end} must follow. */
  async begin(signal: AbortSignal): Promise<void> {
    this.failure = undefined;
    this.#session = this.#prepare(signal, this.settings.plan === true ? "plan" : "load");
    this.#live = await this.#session;
    this.#schedule(this.#live);
  }

  async open(part: number): Promise<ByteSource> {
    try {
      // The load is over: the device was lost, and the engine reads the model again.
      this.#session ??= this.#prepare(this.#disposing.signal, "reading");
      const session = await this.#session;
      const opened = session.parts[part];
      if (opened === undefined) throw new LunetteError("internal", `There is no part ${part} of this model.`);
      session.readers[part] = (session.readers[part] ?? 0) + 1;
      this.#schedule(session);
      return this.#watched(session, part, await opened.open());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Reads the bytes that the engine did not read, and waits until all files are verified. */
  async verify(): Promise<void> {
    const session = await this.#session;
    // A plan verifies nothing.
    if (session === undefined || session.purpose === "plan") return;
    try {
      if (session.parts.some((part) => part.remote)) {
        this.settings.meter.bytes("verify", arrivedOf(session), this.#total(session));
      }
      for (const part of session.parts) await part.finish();
      this.#hashes = session.parts.map((part) => part.sha256);
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Whether bytes are still missing. Only known while a load or a plan runs. */
  get remote(): boolean {
    return this.#live?.parts.some((part) => part.remote) ?? false;
  }

  /** Bytes that have arrived. Only known while a load or a plan runs. */
  get arrived(): number {
    return this.#live === undefined ? 0 : arrivedOf(this.#live);
  }

  /** Stops using the cache. */
  giveUpStorage(): void {
    this.#storage = undefined;
  }

  /** Ends a load, a plan or a read. Closes its connections and files, and releases its lock. */
  async end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#live = undefined;
    if (session !== undefined) await close(session);
  }

  /** Ends whatever runs, for good. */
  async dispose(): Promise<void> {
    this.#disposing.abort();
    await this.end();
  }

  /** Removes a file that the engine cannot use from the cache. A file whose hash was verified stays. */
  async discard(): Promise<void> {
    const { source } = this.settings;
    if (source.kind !== "url" || this.#storage === undefined || !("store" in this.#storage)) return;
    const { store } = this.#storage;
    const { model, records } = await lookUp(store, source, this.#hashes);
    const release = await store.tryLock(model, "exclusive");
    if (release === undefined) return;
    try {
      const unsure = records.filter((record) => (record.complete?.verified ?? "recorded") === "recorded");
      for (const record of unsure) await store.remove(fileKey(record.model, record.part));
    } finally {
      release();
    }
  }

  async #prepare(signal: AbortSignal, purpose: Session["purpose"]): Promise<Session> {
    const { source } = this.settings;
    const session: Session = { parts: [], readers: [], closing: new AbortController(), release: undefined, purpose };
    const around = this.#around(session, signal);
    if (source.kind === "blobs") {
      session.parts = source.parts.map((blob, part) => new BlobPart(blob, this.#expected(part).sha256, around));
      return session;
    }
    try {
      if (this.#storage !== undefined && "store" in this.#storage) {
        await this.#cached(this.#storage.store, source, around, session);
      }
      if (session.parts.length === 0) this.#streamed(source, around, session);
      return session;
    } catch (error) {
      await close(Promise.resolve(session));
      throw error;
    }
  }

  #around(session: Session, signal: AbortSignal): Surroundings {
    const { Sha256, meter, retry } = this.settings;
    const report = () => {
      if (session.purpose !== "load") return;
      meter.bytes("download", arrivedOf(session), this.#total(session));
      if (session.parts.length > 1) this.#schedule(session);
    };
    return {
      Sha256,
      signal: AbortSignal.any([signal, this.#disposing.signal, session.closing.signal]),
      retry,
      onBytes: report,
      onNote: (note) => {
        meter.note("connection", note);
        if (note !== undefined) report();
      },
    };
  }

  #streamed(source: WireUrl, around: Surroundings, session: Session): void {
    if (source.parts[0]?.startsWith(CACHE_SCHEME) === true) throw missingModel(source.parts[0]);
    session.parts = source.parts.map((url, part) => new StreamedPart(url, this.#expected(part), around));
  }

  async #cached(store: Store, source: WireUrl, around: Surroundings, session: Session): Promise<void> {
    const { meter } = this.settings;
    const pinned = source.parts.map((_, part) => this.#expected(part).sha256);
    const wait = () => {
      meter.note("wait", "Another tab is loading the same model.");
      meter.step({ phase: "wait", loaded: 0 });
    };
    let found = await lookUp(store, source, pinned);
    // A complete model is only read, so readers can share the lock.
    const mode = found.complete ? "shared" : "exclusive";
    if (session.purpose === "plan") session.release = await store.tryLock(found.model, mode);
    else session.release = await store.lock(found.model, mode, around.signal, wait);
    meter.note("wait", undefined);
    if (session.release === undefined) return;
    found = await lookUp(store, source, pinned);
    if (mode === "shared" && !found.complete) {
      // The model was deleted in the meantime.
      session.release();
      session.release = undefined;
      await this.#cached(store, source, around, session);
      return;
    }
    if (!found.complete && source.parts[0]?.startsWith(CACHE_SCHEME) === true) throw missingModel(source.parts[0]);
    for (const name of found.stale) await store.remove(name);
    if (!found.complete && source.parts.length > 1) await measure(found.records, source.parts, around.signal);
    const room = () => this.#room(store, session);
    session.parts = source.parts.map((url, part) => {
      const record = found.records[part];
      if (record === undefined) throw new LunetteError("internal", `There is no record of part ${part}.`);
      const leash = session.purpose === "load" ? Infinity : PLAN_LEASH;
      return new CachedPart({ store, record, url, expected: this.#expected(part), room, leash }, around);
    });
  }

  /** What the caller expects of a file, or what its first read gave. */
  #expected(part: number): Expected {
    const { source } = this.settings;
    const sha256 = source.sha256?.[part] ?? this.#hashes[part];
    const size = source.kind === "url" && source.parts.length === 1 && sha256 !== undefined ? source.bytes : undefined;
    return { sha256, size };
  }

  async #room(store: Store, session: Session): Promise<void> {
    if (session.purpose !== "load") return;
    const missing = session.parts.map((part) => (part.remote ? (part.size ?? 0) - part.arrived : 0));
    await requireRoom(
      store,
      missing.reduce((sum, bytes) => sum + Math.max(0, bytes), 0),
    );
  }

  #total(session: Session): number | undefined {
    const { source } = this.settings;
    const sizes = session.parts.map((part) => part.size);
    const sum = sizes.reduce<number | undefined>(
      (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
      0,
    );
    return sum ?? (source.kind === "url" ? source.bytes : undefined);
  }

  /** Downloads the first few missing files and those that are being read. Pauses the others. */
  #schedule(session: Session): void {
    const missing = session.parts.filter((part) => part.remote);
    const wanted = new Set(session.purpose === "load" ? missing.slice(0, PARALLEL) : []);
    for (const [index, part] of session.parts.entries()) {
      if (wanted.has(part)) part.start();
      else if ((session.readers[index] ?? 0) === 0) void part.pause();
    }
  }

  #watched(session: Session, part: number, source: ByteSource): ByteSource {
    const next = async () => {
      try {
        const bytes = await source.next();
        if (bytes === null) this.#schedule(session);
        return bytes;
      } catch (error) {
        throw this.#failed(error);
      }
    };
    const close = () => {
      source.close();
      session.readers[part] = (session.readers[part] ?? 1) - 1;
      if (session.closing.signal.aborted) return;
      if (session.purpose === "reading" && session.readers.every((readers) => readers === 0)) void this.end();
      else this.#schedule(session);
    };
    return source.size === undefined ? { next, close } : { size: source.size, next, close };
  }

  #failed(error: unknown): Error {
    this.failure = error as Error;
    // Rust passes on only errors with a known code, and a load that starts over has failed for this engine.
    return error instanceof StartOver ? new LunetteError("source", error.message, { cause: error }) : (error as Error);
  }
}

const arrivedOf = (session: Session) => session.parts.reduce((sum, part) => sum + part.arrived, 0);

/** Asks for the sizes that are not known yet, so that the total is known before the first download. */
async function measure(records: FileRecord[], urls: string[], signal: AbortSignal): Promise<void> {
  await Promise.all(
    records.map(async (record, part) => {
      if (record.size !== undefined) return;
      const size = await sizeOf(urls[part] ?? "", signal);
      if (size !== undefined) record.size = size;
    }),
  );
}

const close = async (opening: Promise<Session>) => {
  const session = await opening.catch(() => undefined);
  if (session === undefined) return;
  session.closing.abort();
  await Promise.all(session.parts.map((part) => part.stop()));
  session.release?.();
};
