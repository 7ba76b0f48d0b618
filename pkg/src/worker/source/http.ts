import { LunetteError } from "../../wire/errors.js";
import { fetchFile } from "./fetch.js";
import type { Answer } from "./fetch.js";
import { delayMs, RETRY_POLICY, retryAfterMs, sleep } from "./retry.js";
import type { RetryPolicy } from "./retry.js";
import { compare, isStrong, readHeaders } from "./response.js";
import type { Found } from "./response.js";

export interface DownloadOptions {
  /** The first byte wanted. */
  from?: number;
  /** The file's headers when the bytes before `from` came. */
  known?: Found;
  signal: AbortSignal;
  retry?: RetryPolicy;
  /** Receives a note for the user while the download waits to retry; `undefined` removes the note. */
  onNote?: (note: string | undefined) => void;
}

/** The file on the server has changed since its first bytes came. The load must start over. */
export class Changed extends Error {
  constructor(url: string) {
    super(`The file at ${url} was changed while it was read.`);
  }
}

/** A failure that is worth a retry. */
class Transient extends Error {
  constructor(
    message: string,
    readonly retryAfterMs = 0,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

interface Body {
  reader: ReadableStreamDefaultReader<Uint8Array>;
  /** Closes the connection. Browsers allow few per server. */
  closing: AbortController;
  /** Bytes to skip, where the server ignored the range. */
  skip: number;
}

/** Downloads one file over HTTP, from some byte to its end. Retries and resumes when the connection breaks. */
export class Download {
  /** What the headers say of the file. Valid once {@link begin} has resolved. */
  found: Found = {};
  readonly #retry: RetryPolicy;
  readonly #signal: AbortSignal;
  #position: number;
  #body: Body | undefined;
  /** Closes the current connection. There is one at a time. */
  #connecting: AbortController | undefined;
  #failures = 0;
  /** Whether the server has ever answered. */
  #met = false;

  constructor(
    private readonly url: string,
    private readonly options: DownloadOptions,
  ) {
    this.#retry = options.retry ?? RETRY_POLICY;
    this.#signal = options.signal;
    this.#position = options.from ?? 0;
  }

  /** Waits for the response's headers. */
  async begin(): Promise<Found> {
    await this.#persist(async () => {
      this.#body ??= await this.#connect();
      return true;
    });
    return this.found;
  }

  /** The bytes that come next; `null` at the end of the file. */
  next(): Promise<Uint8Array | null> {
    return this.#persist(async () => {
      this.#body ??= await this.#connect();
      const bytes = await this.#read(this.#body);
      if (bytes === undefined) return undefined;
      this.#failures = 0;
      this.options.onNote?.(undefined);
      return bytes;
    });
  }

  /** Closes the connection. May be called again. */
  close(): void {
    this.#connecting?.abort();
    this.#connecting = undefined;
    // A reader that the signal has ended cannot be cancelled; ignore that.
    this.#body?.reader.cancel().catch(() => undefined);
    this.#body = undefined;
  }

  /** Repeats an attempt until it gives a result, as the retry policy allows. */
  async #persist<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (;;) {
      try {
        const result = await attempt();
        if (result !== undefined) return result;
      } catch (error) {
        this.close();
        if (this.#signal.aborted) throw aborted(error);
        if (!(error instanceof Transient)) throw error;
        await this.#wait(error);
      }
    }
  }

  async #wait(error: Transient): Promise<void> {
    this.#failures += 1;
    const { attempts } = this.#retry;
    if (this.#failures >= attempts || (!this.#met && offline())) throw unreachable(this.url, this.#position, error);
    const delay = delayMs(this.#retry, this.#failures, error.retryAfterMs);
    const seconds = Math.ceil(delay / 1000);
    this.options.onNote?.(
      `${error.message} Trying again in ${seconds} s (attempt ${this.#failures + 1} of ${attempts}).`,
    );
    try {
      await sleep(delay, this.#signal);
    } catch (cause) {
      throw aborted(cause);
    }
  }

  async #connect(): Promise<Body> {
    this.#signal.throwIfAborted();
    const from = this.#position;
    const closing = (this.#connecting = new AbortController());
    // Do not use `AbortSignal.any`: only the request would hold that signal, and it may be garbage-collected.
    const stop = () => closing.abort();
    this.#signal.addEventListener("abort", stop, { once: true });
    closing.signal.addEventListener("abort", () => this.#signal.removeEventListener("abort", stop), { once: true });
    const { response, linked } = await this.#stalling(this.#fetch(from, closing.signal), closing);
    this.#met = true;
    if (response.status !== 200 && response.status !== 206) {
      closing.abort();
      throw refused(this.url, response, from);
    }
    if (response.body === null || (response.headers.get("content-type") ?? "").startsWith("text/html")) {
      closing.abort();
      throw webPage(this.url);
    }
    const { begin, ...sent } = readHeaders(response, from);
    const found = { ...linked, ...sent, ...(linked.sha256 === undefined ? {} : { sha256: linked.sha256 }) };
    if (linked.size !== undefined && found.size !== linked.size) {
      closing.abort();
      throw new LunetteError(
        "integrity",
        `The hub says that the file at ${this.url} has ${linked.size} bytes, but its storage sends ${found.size ?? 0}. Nothing of ` +
          "it was used. Try again later, or take the file from another host.",
      );
    }
    if (begin > from || !this.#isSame(found, from)) {
      closing.abort();
      throw new Changed(this.url);
    }
    this.found = { ...this.found, ...found };
    return { reader: response.body.getReader(), closing, skip: from - begin };
  }

  async #fetch(from: number, closing: AbortSignal): Promise<Answer> {
    const headers: Record<string, string> = {};
    if (from > 0) headers["range"] = `bytes=${from}-`;
    const { etag } = this.#known;
    // Across origins this header needs the server's permission (CORS). The response's ETag is compared in any case.
    if (from > 0 && isStrong(etag) && !isElsewhere(this.url)) headers["if-range"] = etag;
    try {
      return await fetchFile(this.url, {
        headers,
        signal: closing,
        // The browser's HTTP cache would store the gigabytes a second time.
        cache: "no-store",
      });
    } catch (cause) {
      if (this.#signal.aborted || closing.aborted) throw cause;
      if (!this.#met && (await isForbidden(this.url, this.#signal))) throw forbidden(this.url, cause);
      throw new Transient("The server did not answer.", 0, { cause });
    }
  }

  get #known(): Found {
    return this.#met ? { ...this.options.known, ...this.found } : (this.options.known ?? {});
  }

  /** Whether a response is about the same file as the bytes so far. */
  #isSame(found: Found, from: number): boolean {
    if (from === 0) return true;
    const verdict = compare(this.#known, found);
    // Within one load, assume so where the server names no version.
    return verdict === "same" || (verdict === "unknown" && from !== this.options.from);
  }

  /** `undefined`: only bytes to skip came. */
  async #read(body: Body): Promise<Uint8Array | null | undefined> {
    let value: Uint8Array | undefined;
    try {
      ({ value } = await this.#stalling(body.reader.read(), body.closing));
    } catch (cause) {
      if (cause instanceof Transient || this.#signal.aborted) throw cause;
      throw new Transient(`The connection broke after ${this.#position} bytes.`, 0, { cause });
    }
    const { size } = this.found;
    if (value === undefined) {
      if (size !== undefined && this.#position < size) {
        throw new Transient(`The server sent ${this.#position} bytes of the ${size} that it announced.`);
      }
      return null;
    }
    const bytes = value.subarray(Math.min(body.skip, value.length));
    body.skip -= value.length - bytes.length;
    if (bytes.length === 0) return undefined;
    if (size !== undefined && this.#position + bytes.length > size) {
      throw new LunetteError(
        "source",
        `The server at ${this.url} sends more than the ${size} bytes that it announced. Nothing of it was used. Check the file there.`,
      );
    }
    this.#position += bytes.length;
    return bytes;
  }

  async #stalling<T>(promise: Promise<T>, closing: AbortController): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stalled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const seconds = Math.round(this.#retry.stallMs / 1000);
        reject(new Transient(`Nothing came for ${seconds} s.`));
        closing.abort();
      }, this.#retry.stallMs);
    });
    try {
      return await Promise.race([promise, stalled]);
    } finally {
      clearTimeout(timer);
      // The promise that lost the race may still reject; nobody awaits it then.
      promise.catch(() => undefined);
    }
  }
}

/** The size of a file, by a HEAD request; `undefined` where the server does not say it. */
export async function sizeOf(url: string, signal: AbortSignal): Promise<number | undefined> {
  try {
    const { response, linked } = await fetchFile(url, { method: "HEAD", signal, cache: "no-store" });
    return response.ok ? (linked.size ?? readHeaders(response, 0).size) : undefined;
  } catch {
    // The download will report the error.
    return undefined;
  }
}

/** The error for a status other than success; {@link Transient} where a retry may help. */
function refused(url: string, response: Response, from: number): Error {
  const status = `${response.status} ${response.statusText}`.trim();
  if ([408, 429].includes(response.status) || response.status >= 500) {
    return new Transient(`The server answered ${status}.`, retryAfterMs(response.headers.get("retry-after")));
  }
  // The range is past the end: the file has become shorter.
  if (response.status === 416 && from > 0) return new Changed(url);
  const reasons: Record<number, string> = {
    401: " It asks for a sign-in: use an address that is open to everyone, or a signed one.",
    403: " Access is denied: the address may have expired, or the model's terms have to be accepted first.",
    404: " Check the address.",
  };
  return new LunetteError(
    "source",
    `The model could not be downloaded: the server answered ${status} for ${url}.${reasons[response.status] ?? ""}`,
  );
}

function webPage(url: string): LunetteError {
  const file = url.includes("/blob/") ? `: ${url.replace("/blob/", "/resolve/")}` : ".";
  return new LunetteError(
    "source",
    `There is a web page at ${url}, not a model. A private model needs a signed address. On a hub a file's page has /blob/ in ` +
      `its address, and the file itself is at the same address with /resolve/ in place of it${file}`,
  );
}

function unreachable(url: string, position: number, cause: Error): LunetteError {
  let reason = offline() ? "This device is offline." : cause.message;
  if (position === 0 && isElsewhere(url)) {
    reason += " (A page's Content-Security-Policy can also forbid the address: see connect-src.)";
  }
  const far = position > 0 ? `The download of ${url} broke off after ${position} bytes` : `${url} could not be reached`;
  const message = `${far}, and retries did not help. ${reason} Check the connection and load again.`;
  return new LunetteError("network", message, { cause: cause.cause ?? cause });
}

function forbidden(url: string, cause: unknown): LunetteError {
  return new LunetteError(
    "source",
    `The server of ${url} can be reached, but does not allow this page to read from it. It must send ` +
      "Access-Control-Allow-Origin for this page's origin. Or serve the model from the page's own origin.",
    { cause },
  );
}

function aborted(cause: unknown): LunetteError {
  return new LunetteError("aborted", "The load was aborted.", { cause });
}

interface Scope {
  navigator?: { onLine?: boolean };
  location?: { origin: string };
}

function offline(): boolean {
  return (globalThis as Scope).navigator?.onLine === false;
}

function isElsewhere(url: string): boolean {
  const { location } = globalThis as Scope;
  return location !== undefined && new URL(url).origin !== location.origin;
}

/**
 * Whether a server can be reached, but denies the page by CORS. `fetch` does not say why it failed. A `no-cors` request
 * succeeds where only the permission is missing.
 */
async function isForbidden(url: string, signal: AbortSignal): Promise<boolean> {
  if (!isElsewhere(url)) return false;
  try {
    await fetch(url, { method: "HEAD", mode: "no-cors", signal, cache: "no-store" });
    return true;
  } catch {
    return false;
  }
}
