import type { ByteSource } from "../../wire/wasm-contract.js";
import { Changed, Download } from "./http.js";
import { Check, compareSizes, StartOver } from "./part.js";
import type { Expected, Part, Surroundings } from "./part.js";
import type { Found } from "./response.js";

/** A file that streams from the network to the engine without a cache. Each read downloads it again. */
export class StreamedPart implements Part {
  #found: Found = {};
  #reading: Reading | undefined;
  #arrived = 0;
  #done = false;

  constructor(
    private readonly url: string,
    private readonly expected: Expected,
    private readonly around: Surroundings,
  ) {}

  get size(): number | undefined {
    return this.#found.size ?? this.expected.size;
  }

  get arrived(): number {
    return this.#arrived;
  }

  get remote(): boolean {
    return !this.#done;
  }

  get sha256(): string | undefined {
    return this.expected.sha256 ?? this.#found.sha256;
  }

  async open(): Promise<ByteSource> {
    this.#reading?.free();
    const download = this.#download(0);
    const found = await download.begin();
    compareSizes(`The file at ${this.url}`, this.expected.size, found.size);
    this.#found = { ...this.#found, ...found };
    const { sha256 } = this;
    const check = sha256 === undefined ? undefined : new Check(this.around.Sha256, `The file at ${this.url}`, sha256);
    const reading = (this.#reading = new Reading(download, check, (position) => {
      this.#arrived = Math.max(this.#arrived, position);
      this.around.onBytes();
    }));
    const { size } = this;
    return {
      ...(size === undefined ? {} : { size }),
      next: () => this.#next(reading),
      close: () => {
        reading.download.close();
      },
    };
  }

  start(): void {
    // Without a cache there is no read-ahead.
  }

  pause(): Promise<void> {
    return Promise.resolve();
  }

  async finish(): Promise<void> {
    if (this.#done) return;
    if (this.#reading === undefined) await this.open();
    const reading = this.#reading;
    if (reading === undefined) return;
    // The engine has closed the connection after the last byte that it read.
    reading.download = this.#download(reading.position);
    while ((await this.#next(reading)) !== null) this.around.signal.throwIfAborted();
  }

  stop(): Promise<void> {
    this.#reading?.free();
    this.#reading = undefined;
    return Promise.resolve();
  }

  #download(from: number): Download {
    const { signal, retry, onNote } = this.around;
    const how = { from, known: this.#found, signal, onNote };
    return new Download(this.url, retry === undefined ? how : { ...how, retry });
  }

  async #next(reading: Reading): Promise<Uint8Array | null> {
    try {
      const bytes = await reading.next(this.size);
      if (bytes === null) this.#done = true;
      return bytes;
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
      this.#found = {};
      throw new StartOver(`${error.message} It is read again from the start.`, false, { cause: error });
    }
  }
}

/** One read of the file from its start. */
class Reading {
  position = 0;

  constructor(
    public download: Download,
    private check: Check | undefined,
    private readonly onPosition: (position: number) => void,
  ) {}

  async next(size: number | undefined): Promise<Uint8Array | null> {
    const bytes = this.position === size ? null : await this.download.next();
    if (bytes === null) {
      this.check?.end();
      this.free();
      return null;
    }
    this.check?.update(bytes);
    this.position += bytes.length;
    this.onPosition(this.position);
    return bytes;
  }

  free(): void {
    this.download.close();
    this.check?.free();
    this.check = undefined;
  }
}
