import { LunetteError } from "./errors.js";
import type { WireSource } from "./protocol.js";
import type { ByteSource } from "./wasm-contract.js";

/** How much of a file is in memory at a time. */
const SLICE_BYTES = 4 << 20;

/** A {@link ByteSource} that can be let go of, and that keeps the error which made it fail. */
export interface OpenSource extends ByteSource {
  readonly failure?: LunetteError | undefined;
  /** Stops a download that is still going on. Harmless afterwards. */
  close(): void;
}

/** Begins to read. For a URL this waits for the response's headers, so that the size is known. */
export async function openSource(source: WireSource, signal: AbortSignal, part = 0): Promise<OpenSource> {
  const from = source.parts[part];
  if (from === undefined) throw new LunetteError("internal", `There is no part ${part} of this model.`);
  if (from instanceof Blob) return new BlobSource(from);
  const bytes = source.kind === "url" && source.parts.length === 1 ? source.bytes : undefined;
  return await fetchSource({ url: from, bytes }, signal);
}

interface Address {
  url: string;
  bytes: number | undefined;
}

class BlobSource implements OpenSource {
  readonly size: number;
  failure: LunetteError | undefined;
  #position = 0;

  constructor(private readonly blob: Blob) {
    this.size = blob.size;
  }

  async next(): Promise<Uint8Array | null> {
    if (this.#position >= this.size) return null;
    const slice = this.blob.slice(this.#position, this.#position + SLICE_BYTES);
    this.#position += slice.size;
    try {
      return new Uint8Array(await slice.arrayBuffer());
    } catch (cause) {
      // Browsers refuse to read a picked file that has changed since.
      const message =
        "The file could not be read: it was moved, changed or locked after it was chosen. Choose it again.";
      throw (this.failure = new LunetteError("source", message, { cause }));
    }
  }

  close(): void {
    this.#position = this.size;
  }
}

async function fetchSource(source: Address, signal: AbortSignal): Promise<OpenSource> {
  const closing = new AbortController();
  let response: Response;
  try {
    response = await fetch(source.url, { signal: AbortSignal.any([signal, closing.signal]) });
  } catch (cause) {
    throw signal.aborted ? cause : unreachable(source.url, cause);
  }
  const type = response.headers.get("content-type") ?? "";
  if (!response.ok || response.body === null) {
    closing.abort();
    const status = `${response.status} ${response.statusText}`.trim();
    throw new LunetteError(
      "source",
      `The model could not be downloaded: the server answered ${status} for ${source.url}.`,
    );
  }
  if (type.startsWith("text/html")) {
    closing.abort();
    throw new LunetteError(
      "source",
      `There is a web page at ${source.url}, not a model. Check that the address is the file's own.`,
    );
  }
  return new ResponseSource(source, response, response.body, closing);
}

class ResponseSource implements OpenSource {
  readonly size?: number;
  failure: LunetteError | undefined;
  readonly #url: string;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #closing: AbortController;
  #received = 0;

  constructor(source: Address, response: Response, body: ReadableStream<Uint8Array>, closing: AbortController) {
    this.#url = source.url;
    this.#reader = body.getReader();
    this.#closing = closing;
    const size = sizeOf(response) ?? source.bytes;
    if (size !== undefined) this.size = size;
  }

  async next(): Promise<Uint8Array | null> {
    try {
      const { value } = await this.#reader.read();
      this.#received += value?.length ?? 0;
      return value ?? null;
    } catch (cause) {
      const message = `The download of ${this.#url} broke off after ${this.#received} bytes. Check the connection and load again.`;
      throw (this.failure = new LunetteError("source", message, { cause }));
    }
  }

  close(): void {
    this.#closing.abort();
  }
}

/** A compressed answer states its compressed size, which is of no use here. */
function sizeOf(response: Response): number | undefined {
  const length = Number(response.headers.get("content-length") ?? NaN);
  return Number.isSafeInteger(length) && !response.headers.has("content-encoding") ? length : undefined;
}

/** `fetch` tells a script nothing of why it failed, so the likeliest reason is said. */
function unreachable(url: string, cause: unknown): LunetteError {
  const scope = globalThis as { navigator?: { onLine?: boolean }; location?: { origin: string } };
  const elsewhere = scope.location !== undefined && new URL(url).origin !== scope.location.origin;
  let reason = "the server did not answer";
  if (scope.navigator?.onLine === false) {
    reason = "this device is offline";
  } else if (elsewhere) {
    reason +=
      ", or does not let this page read its files (it must send Access-Control-Allow-Origin), or the page's " +
      "Content-Security-Policy forbids it (connect-src)";
  }
  return new LunetteError("source", `The model could not be downloaded from ${url}: ${reason}.`, { cause });
}
