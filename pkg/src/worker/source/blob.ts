import { LunetteError } from "../../wire/errors.js";
import type { ByteSource } from "../../wire/wasm-contract.js";
import { Check } from "./part.js";
import type { Part, Surroundings } from "./part.js";

/** Bytes of a file that are in memory at a time. */
const SLICE_BYTES = 4 << 20;

/** A local file. */
export class BlobPart implements Part {
  readonly remote = false;
  #reader: BlobReader | undefined;

  constructor(
    private readonly blob: Blob,
    readonly sha256: string | undefined,
    private readonly around: Surroundings,
  ) {}

  get size(): number {
    return this.blob.size;
  }

  get arrived(): number {
    return this.blob.size;
  }

  open(): Promise<ByteSource> {
    this.#reader?.free();
    this.#reader = this.#read();
    return Promise.resolve(this.#reader);
  }

  start(): void {
    // There is nothing to fetch.
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<void> {
    if (this.sha256 === undefined) return;
    const reader = (this.#reader ??= this.#read());
    while ((await reader.next()) !== null) this.around.signal.throwIfAborted();
  }

  stop(): Promise<void> {
    this.#reader?.free();
    this.#reader = undefined;
    return Promise.resolve();
  }

  #read(): BlobReader {
    const what = `The file ${(this.blob as Partial<File>).name ?? ""}`.trimEnd();
    return new BlobReader(
      this.blob,
      this.sha256 === undefined ? undefined : new Check(this.around.Sha256, what, this.sha256),
    );
  }
}

class BlobReader implements ByteSource {
  readonly size: number;
  #position = 0;

  constructor(
    private readonly blob: Blob,
    private check: Check | undefined,
  ) {
    this.size = blob.size;
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#position >= this.size) {
      this.check?.end();
      this.free();
      return null;
    }
    const slice = this.blob.slice(this.#position, this.#position + SLICE_BYTES);
    try {
      const bytes = new Uint8Array(await slice.arrayBuffer());
      this.#position += bytes.length;
      this.check?.update(bytes);
      return bytes;
    } catch (cause) {
      // Browsers refuse to read a picked file that has changed since.
      const message =
        "The file could not be read: it was moved, changed or locked after it was chosen. Choose it again.";
      throw new LunetteError("source", message, { cause });
    }
  }

  /** {@link BlobPart.finish} hashes the bytes that the engine does not read. */
  close(): void {
    // A Blob has nothing to close.
  }

  free(): void {
    this.check?.free();
    this.check = undefined;
  }
}
