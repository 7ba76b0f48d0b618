import { compareHashes } from "../source/part.js";
import type { WasmSha256, WasmSha256Class } from "../../wire/wasm-contract.js";
import { fromHex, hex, sha256 } from "./digest.js";
import { bytesOf, CHUNK_BYTES } from "./record.js";
import type { FileRecord } from "./record.js";
import type { ReadableFile, Store, WritableFile } from "./store.js";

/** The bytes on the disk are not those that were written. */
export class Damaged extends Error {}

/** Reads a chunk and verifies its hash. */
export async function readChunk(
  file: ReadableFile,
  index: number,
  length: number,
  expected: string | Promise<string>,
): Promise<Uint8Array> {
  const bytes = await file.read(index * CHUNK_BYTES, length);
  const found = hex(await sha256(bytes));
  if (bytes.length !== length || found !== (await expected)) {
    throw new Damaged(`The copy in the cache was damaged (in its chunk ${index}).`);
  }
  return bytes;
}

/** A cached file that is being written, with its hash, the hashes of its chunks, and its record. */
export class GrowingFile {
  /** The bytes of the last chunk, which is not full yet. */
  #buffer = new Uint8Array(CHUNK_BYTES);
  #filled = 0;
  /** The last full chunk, kept in memory for a reader close behind. */
  #last: { index: number; bytes: Uint8Array<ArrayBuffer> } | undefined;
  readonly #chunks: Promise<string>[];
  #recorded: number;
  /** The file's size, once it is complete. */
  #end: number | undefined;

  private constructor(
    private readonly store: Store,
    private readonly name: string,
    private readonly file: WritableFile,
    private readonly hash: WasmSha256,
    public record: FileRecord,
  ) {
    this.#chunks = record.chunks.map((chunk) => Promise.resolve(chunk));
    this.#recorded = record.chunks.length;
  }

  /** Resumes at the end of what the record says. Bytes that the disk no longer has are dropped. */
  static async open(store: Store, name: string, record: FileRecord, Sha256: WasmSha256Class): Promise<GrowingFile> {
    const file = await store.openToWrite(name);
    try {
      const { tail, ...rest } = record;
      const whole = record.chunks.length * CHUNK_BYTES;
      const intact = file.size >= bytesOf(record) ? rest : { ...rest, chunks: [] };
      const { state } = intact;
      const hash = intact.chunks.length > 0 && state !== undefined ? Sha256.restore(fromHex(state)) : new Sha256();
      const growing = new GrowingFile(store, name, file, hash, intact);
      if (intact.chunks.length === record.chunks.length && tail !== undefined) await growing.#resume(whole, tail);
      return growing;
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Number of bytes from the start that are present. */
  get position(): number {
    return this.#end ?? this.#chunks.length * CHUNK_BYTES + this.#filled;
  }

  /** Whether there is a full chunk that the record does not have yet. */
  get ahead(): boolean {
    return this.#chunks.length > this.#recorded;
  }

  /** Appends bytes. Writes each chunk that is full to the disk. */
  append(bytes: Uint8Array): void {
    for (let taken = 0; taken < bytes.length;) {
      const piece = bytes.subarray(taken, taken + CHUNK_BYTES - this.#filled);
      this.#buffer.set(piece, this.#filled);
      this.#filled += piece.length;
      taken += piece.length;
      if (this.#filled === CHUNK_BYTES) this.#shelve();
    }
  }

  /** Reads from `at` to the end of its chunk, or to the end of what is present. `at` must be present. */
  async read(at: number): Promise<Uint8Array> {
    const index = Math.floor(at / CHUNK_BYTES);
    const within = at - index * CHUNK_BYTES;
    const expected = this.#chunks[index];
    // Copy what is in memory, because the buffer is reused.
    if (expected === undefined) return this.#buffer.slice(within, this.#filled);
    if (index === this.#last?.index) return this.#last.bytes.slice(within);
    const length = Math.min(CHUNK_BYTES, this.position - index * CHUNK_BYTES);
    return (await readChunk(this.file, index, length, expected)).subarray(within);
  }

  /** Writes the record of all full chunks. With `tail`, also writes the bytes after them. */
  async checkpoint(tail = false): Promise<void> {
    // Take a snapshot: more bytes may come while this waits.
    const state = hex(this.hash.save());
    const pending = [...this.#chunks];
    const rest = this.#buffer.slice(0, tail ? this.#filled : 0);
    if (rest.length > 0) this.file.write(rest, pending.length * CHUNK_BYTES);
    this.file.flush();
    const chunks = await Promise.all(pending);
    const record: FileRecord = { ...this.record, chunks, state, lastUsed: Date.now() };
    delete record.tail;
    if (rest.length > 0) record.tail = { bytes: rest.length, sha256: hex(await sha256(rest)) };
    await this.#write(record);
  }

  /**
   * Ends the file: verifies its hash, and only then records that it is complete.
   *
   * @throws {LunetteError} `integrity` when the hash is neither the pinned one nor the announced one.
   */
  async complete(what: string, pinned: string | undefined): Promise<void> {
    const size = this.position;
    const rest = this.#buffer.slice(0, this.#filled);
    this.hash.update(rest);
    const found = this.hash.digest();
    compareHashes(what, pinned ?? this.record.sha256, found);
    if (rest.length > 0) {
      this.file.write(rest, size - rest.length);
      this.#chunks.push(sha256(rest).then(hex));
    }
    this.#end = size;
    this.file.truncate(size);
    this.file.flush();
    const verified = pinned !== undefined ? "pinned" : this.record.sha256 !== undefined ? "host" : "recorded";
    const chunks = await Promise.all(this.#chunks);
    const record: FileRecord = {
      ...this.record,
      size,
      chunks,
      lastUsed: Date.now(),
      complete: { sha256: found, verified },
    };
    delete record.state;
    delete record.tail;
    await this.#write(record);
  }

  close(): void {
    this.file.close();
    this.hash.free();
  }

  async #write(record: FileRecord): Promise<void> {
    await this.store.writeRecord(this.name, record);
    this.record = record;
    this.#recorded = record.chunks.length;
  }

  #shelve(): void {
    const index = this.#chunks.length;
    this.file.write(this.#buffer, index * CHUNK_BYTES);
    this.hash.update(this.#buffer);
    this.#chunks.push(sha256(this.#buffer).then(hex));
    // The platform has copied the buffer before this one, so it can be reused.
    const free = this.#last?.bytes ?? new Uint8Array(CHUNK_BYTES);
    this.#last = { index, bytes: this.#buffer };
    this.#buffer = free;
    this.#filled = 0;
  }

  /** Takes over the tail of a load that ended in order. After a crash these bytes are downloaded again. */
  async #resume(at: number, tail: NonNullable<FileRecord["tail"]>): Promise<void> {
    const bytes = await this.file.read(at, tail.bytes);
    if (bytes.length === tail.bytes && hex(await sha256(bytes)) === tail.sha256) this.append(bytes);
  }
}
