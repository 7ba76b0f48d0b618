import { codeOf, LunetteError } from "../../wire/errors.js";
import { Changed, Download } from "../source/http.js";
import { compareSizes, StartOver } from "../source/part.js";
import type { Expected, Part, Surroundings } from "../source/part.js";
import type { ByteSource } from "../../wire/wasm-contract.js";
import { Damaged, GrowingFile, readChunk } from "./chunks.js";
import { bytesOf, CHUNK_BYTES, fileKey } from "./record.js";
import type { FileRecord } from "./record.js";
import { isFull } from "./store.js";
import type { ReadableFile, Store } from "./store.js";

/** Time between two records of a download. Each waits for the disk; a crash costs what came since the last. */
const RECORD_MS = 1000;

/** Where a part of a model is cached, and what is known of it. */
export interface Place {
  store: Store;
  /** The record on the disk, or a new one. */
  record: FileRecord;
  /** The address to download from, with its signature. */
  url: string;
  expected: Expected;
  /** Called once the size is known, before a byte is written. Throws where there is no room. */
  room(): Promise<void>;
  /** Read-ahead: bytes that a download may be ahead of its reader. */
  leash: number;
}

/**
 * A cached file, complete or being downloaded. The download writes to the cache, and the engine reads from there. So neither
 * waits for the other, and a read can begin again at any time.
 */
export class CachedPart implements Part {
  #record: FileRecord;
  readonly #name: string;
  #growing: GrowingFile | undefined;
  #opening: Promise<GrowingFile> | undefined;
  #stored: ReadableFile | undefined;
  #running: { end: Promise<void>; stop: AbortController; paused: boolean } | undefined;
  /** Whether the server has answered with the file's headers. */
  #met = false;
  #failure: Error | undefined;
  /** The furthest position that was read. */
  #read = 0;
  #waiting: (() => void)[] = [];

  constructor(
    private readonly place: Place,
    private readonly around: Surroundings,
  ) {
    this.#record = place.record;
    this.#name = fileKey(place.record.model, place.record.part);
  }

  get size(): number | undefined {
    return this.#record.size ?? this.place.expected.size;
  }

  get arrived(): number {
    return this.#growing?.position ?? bytesOf(this.#record);
  }

  get remote(): boolean {
    return this.#record.complete === undefined;
  }

  get sha256(): string | undefined {
    return this.#record.complete?.sha256 ?? this.place.expected.sha256 ?? this.#record.sha256;
  }

  open(): Promise<ByteSource> {
    this.#read = 0;
    return this.remote ? this.#follow() : this.#replay();
  }

  start(): void {
    if (!this.remote || this.#running !== undefined || this.#failure !== undefined) return;
    const stop = new AbortController();
    const running = { stop, paused: false, end: Promise.resolve() };
    running.end = this.#fetch(AbortSignal.any([this.around.signal, stop.signal]))
      .catch((error: unknown) => {
        if (!running.paused) this.#failure ??= error as Error;
      })
      .finally(() => {
        this.#running = undefined;
        this.#wake();
      });
    this.#running = running;
  }

  async pause(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    running.paused = true;
    running.stop.abort();
    this.#wake();
    await running.end;
  }

  async finish(): Promise<void> {
    this.#read = Infinity;
    while (this.remote) {
      this.start();
      this.#wake();
      await this.#running?.end;
      if (this.#failure !== undefined) throw this.#failure;
      this.around.signal.throwIfAborted();
    }
  }

  async stop(): Promise<void> {
    await this.pause();
    // A reader may be opening the file just now.
    await this.#opening?.catch(() => undefined);
    const empty = this.#growing?.position === 0;
    try {
      if (this.#growing !== undefined && this.remote && !empty) await this.#growing.checkpoint(true);
    } catch {
      // The checkpoint before this one stays valid, and the load ends here in any case.
    } finally {
      this.#close();
    }
    // A load that kept no byte leaves no entry.
    if (empty && this.remote) await this.place.store.remove(this.#name).catch(() => undefined);
  }

  /** Reads what is on the disk, and waits for the download. */
  async #follow(): Promise<ByteSource> {
    // A plan may find the whole header on the disk.
    if (this.place.leash === Infinity || this.arrived === 0) this.start();
    // Wait for the size: the engine refuses a model that is too large by it.
    while (this.size === undefined && !this.#met && this.#running !== undefined) await this.#more();
    if (this.#failure !== undefined) throw this.#failure;
    let at = 0;
    return {
      ...(this.size === undefined ? {} : { size: this.size }),
      next: async () => {
        for (;;) {
          if (this.#failure !== undefined) throw this.#failure;
          const growing = await this.#grown();
          if (at < growing.position) {
            const bytes = await this.#guard(growing.read(at));
            at += bytes.length;
            this.#read = Math.max(this.#read, at);
            this.#wake();
            return bytes;
          }
          if (!this.remote) return null;
          this.start();
          await this.#more();
        }
      },
      close: () => undefined,
    };
  }

  /** Reads a complete file. Each chunk is hashed while the engine uses the one before. */
  async #replay(): Promise<ByteSource> {
    const { chunks, size = 0 } = this.#record;
    const growing = this.#growing;
    const file =
      growing === undefined ? (this.#stored ??= await this.#guard(this.place.store.openToRead(this.#name))) : undefined;
    const read = (index: number) => {
      const expected = chunks[index];
      if (expected === undefined) return undefined;
      const chunk =
        file === undefined
          ? growing?.read(index * CHUNK_BYTES)
          : readChunk(file, index, Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES), expected);
      // It may fail before it is awaited.
      chunk?.catch(() => undefined);
      return chunk;
    };
    let index = 0;
    let ahead = read(0);
    return {
      size,
      next: async () => {
        if (ahead === undefined) return null;
        const chunk = await this.#guard(ahead);
        index += 1;
        ahead = read(index);
        return chunk;
      },
      close: () => undefined,
    };
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { url, expected } = this.place;
    const what = `The file at ${this.#record.url}`;
    const growing = await this.#grown();
    const { retry, onNote } = this.around;
    const how = { from: growing.position, known: growing.record, signal, onNote };
    const download = new Download(url, retry === undefined ? how : { ...how, retry });
    try {
      if (growing.position !== growing.record.size) {
        const found = await download.begin();
        this.#met = true;
        compareSizes(what, expected.size, found.size);
        this.#record = growing.record = { ...growing.record, ...found };
        this.#wake();
        await this.place.room();
        await this.#receive(download, growing, signal);
      }
      await this.#guard(growing.complete(what, expected.sha256));
      this.#record = growing.record;
      this.around.onBytes();
    } catch (error) {
      throw await this.#consequence(error as Error);
    } finally {
      download.close();
    }
  }

  /** Opens the file at the first call. */
  #grown(): Promise<GrowingFile> {
    const { store } = this.place;
    this.#opening ??= this.#guard(GrowingFile.open(store, this.#name, this.#record, this.around.Sha256)).then(
      (growing) => (this.#growing = growing),
    );
    return this.#opening;
  }

  async #receive(download: Download, growing: GrowingFile, signal: AbortSignal): Promise<void> {
    let recorded = -Infinity;
    for (;;) {
      while (growing.position - this.#read > this.place.leash) {
        // Check before the wait: the one wake-up of a stop may have come while bytes came.
        signal.throwIfAborted();
        await this.#more();
      }
      const next = download.next();
      // It may fail before it is awaited.
      next.catch(() => undefined);
      try {
        // A connection may fall silent: what has come by then is recorded all the same.
        if (growing.ahead && !(await settles(next, recorded + RECORD_MS - performance.now()))) {
          await growing.checkpoint();
          recorded = performance.now();
        }
      } catch (error) {
        throw this.#unkept(error as Error);
      }
      const bytes = await next;
      if (bytes === null) return;
      try {
        growing.append(bytes);
      } catch (error) {
        throw this.#unkept(error as Error);
      }
      this.#record = growing.record;
      this.around.onBytes();
      this.#wake();
    }
  }

  /** The error of the load for a failure of the download. Removes the file where it is wrong. */
  async #consequence(error: Error): Promise<Error> {
    if (error instanceof Changed) {
      const again = new StartOver(`${error.message} It is read again from the start.`, false, { cause: error });
      return this.#forget(again);
    }
    const useless = error instanceof StartOver ? error.uncached : codeOf(error) === "integrity";
    return useless ? this.#forget(error) : error;
  }

  /** Runs work on the disk. A failure of the disk makes the load start over, but not fail. */
  async #guard<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      if (error instanceof LunetteError) throw error;
      if (error instanceof Damaged) {
        throw await this.#forget(new StartOver(`${error.message} It is fetched again.`, false, { cause: error }));
      }
      throw (this.#failure = this.#unkept(error as Error));
    }
  }

  #unkept(error: Error): StartOver {
    const why = isFull(error) ? "the storage is full" : `the storage failed: ${error.message}`;
    return new StartOver(`The model is not kept: ${why}.`, true, { cause: error });
  }

  /** Removes the file. From now on this part fails. */
  async #forget(because: Error): Promise<Error> {
    // Set this before anything is awaited, so that no reader opens the file again.
    this.#failure ??= because;
    this.#running?.stop.abort();
    this.#close();
    await this.place.store.remove(this.#name).catch(() => undefined);
    return because;
  }

  #close(): void {
    this.#growing?.close();
    this.#growing = undefined;
    this.#opening = undefined;
    this.#stored?.close();
    this.#stored = undefined;
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Whether something ends within so many milliseconds. */
async function settles(work: Promise<unknown>, ms: number): Promise<boolean> {
  if (ms <= 0) return false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, ms, false);
  });
  const ended = () => true;
  const first = await Promise.race([work.then(ended, ended), late]);
  clearTimeout(timer);
  return first;
}
