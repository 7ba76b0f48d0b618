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
  /** `undefined`: the caller wants nothing kept. */
  storage: Storage | undefined;
  /** Read the headers only: nothing is fetched that nobody reads, and nobody is waited for. */
  plan?: boolean;
  retry?: RetryPolicy;
}

/** Files of a split model that are fetched at the same time. */
const PARALLEL = 4;
/** How far a download may be ahead of a plan, which stops after the header. */
const PLAN_LEASH = 256 << 10;

/** The files of a model from when they are asked for to when they are let go. */
interface Session {
  parts: Part[];
  /** How often each part is being read. */
  readers: number[];
  closing: AbortController;
  release: Release | undefined;
  /** `load`: fetch whatever is missing, read or not; `reading`: it ends with its last reader. */
  purpose: "load" | "plan" | "reading";
}

/**
 * A model's bytes on their way to the engine: from wherever they are, checked, and kept if that is wanted. It lives as long
 * as the engine, which may ask for them again.
 */
export class Arrival implements ModelBytes {
  /** Why the last read failed, which Rust passes on without its cause. */
  failure: Error | undefined;
  #session: Promise<Session> | undefined;
  #live: Session | undefined;
  #storage: Storage | undefined;
  /** Hashes that the files had when they were first read: later they must be the same. */
  #hashes: (string | undefined)[] = [];
  readonly #disposing = new AbortController();

  constructor(private readonly settings: ArrivalSettings) {
    this.#storage = settings.storage;
  }

  get parts(): number {
    return this.settings.source.parts.length;
  }

  /** Begins a load, or a plan; to be ended by {@link end}. */
  async begin(signal: AbortSignal): Promise<void> {
    this.failure = undefined;
    this.#session = this.#prepare(signal, this.settings.plan === true ? "plan" : "load");
    this.#live = await this.#session;
    this.#schedule(this.#live);
  }

  async open(part: number): Promise<ByteSource> {
    try {
      // After a load: the device was lost, and the engine reads the model anew.
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

  /** Reads what the engine did not want, and waits until the whole is known to be right. */
  async verify(): Promise<void> {
    const session = await this.#session;
    // A plan has read all that it wanted.
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

  /** Whether bytes are still to come over the network; known while a load or a plan runs. */
  get remote(): boolean {
    return this.#live?.parts.some((part) => part.remote) ?? false;
  }

  /** Bytes that are here; known while a load or a plan runs. */
  get arrived(): number {
    return this.#live === undefined ? 0 : arrivedOf(this.#live);
  }

  /** From now on nothing is kept. */
  giveUpStorage(): void {
    this.#storage = undefined;
  }

  /** Ends a load, a plan or a reading: no connection, file or lock stays open. */
  async end(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    this.#live = undefined;
    if (session !== undefined) await close(session);
  }

  /** Ends everything. */
  async dispose(): Promise<void> {
    this.#disposing.abort();
    await this.end();
  }

  /** Removes what was fetched of a file that turned out to be of no use, unless its hash says that it is the right one. */
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
    // Whoever only reads can share.
    const mode = found.complete ? "shared" : "exclusive";
    if (session.purpose === "plan") session.release = await store.tryLock(found.model, mode);
    else session.release = await store.lock(found.model, mode, around.signal, wait);
    meter.note("wait", undefined);
    if (session.release === undefined) return;
    found = await lookUp(store, source, pinned);
    if (mode === "shared" && !found.complete) {
      // It was deleted in the meantime.
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

  /** What the caller promised of a file, or what it was the first time. */
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

  /** Keeps the first few files that are missing on their way, and those that are read; the others rest. */
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
    // Rust keeps a code that it knows. A load that starts over is over for this engine.
    return error instanceof StartOver ? new LunetteError("source", error.message, { cause: error }) : (error as Error);
  }
}

const arrivedOf = (session: Session) => session.parts.reduce((sum, part) => sum + part.arrived, 0);

/** Asks for the sizes of files that are not known yet, so that the whole is known before the first is fetched. */
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
