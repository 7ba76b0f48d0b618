import { LunetteError } from "../../wire/errors.js";
import type { ByteSource, WasmSha256, WasmSha256Class } from "../../wire/wasm-contract.js";
import type { RetryPolicy } from "./retry.js";

/** One file of a model, from any source. */
export interface Part {
  /** Size of the file in bytes, once known. */
  readonly size: number | undefined;
  /** Bytes that have arrived. */
  readonly arrived: number;
  /** Whether bytes are still to come over the network. */
  readonly remote: boolean;
  /** The SHA-256 that the file has, or must have. */
  readonly sha256: string | undefined;
  /** Opens a reader at the start. May be called again at any time. */
  open(): Promise<ByteSource>;
  /** Downloads ahead of any reader, if the file is cached. */
  start(): void;
  /** Pauses the download, until {@link start} is called again or the file is read. */
  pause(): Promise<void>;
  /** Reads the bytes that the engine did not read, and verifies the file. */
  finish(): Promise<void>;
  /** Stops the download and closes all files. */
  stop(): Promise<void>;
}

/** What the parts of a model share during a load. */
export interface Surroundings {
  Sha256: WasmSha256Class;
  signal: AbortSignal;
  /** Default: {@link RETRY_POLICY}. */
  retry?: RetryPolicy | undefined;
  /** Called when bytes have arrived. */
  onBytes: () => void;
  /** Receives a note about the connection for the user; `undefined` removes it. */
  onNote: (note: string | undefined) => void;
}

/** What is known of a file before its download. */
export interface Expected {
  sha256?: string | undefined;
  /** Only set with a hash. Without one, a size is a guess. */
  size?: number | undefined;
}

/** The bytes that the engine has read are wrong. The load is worth another attempt from the start. */
export class StartOver extends Error {
  constructor(
    message: string,
    /** Whether the next attempt must not use the cache. */
    readonly uncached: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Hashes a file while it streams, and verifies the SHA-256 at its end. */
export class Check {
  readonly #hash: WasmSha256;

  constructor(
    Sha256: WasmSha256Class,
    private readonly what: string,
    private readonly expected: string,
  ) {
    this.#hash = new Sha256();
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** @throws {LunetteError} `integrity`. */
  end(): void {
    compareHashes(this.what, this.expected, this.#hash.digest());
  }

  free(): void {
    this.#hash.free();
  }
}

/** @throws {LunetteError} `integrity` when they differ. */
export function compareHashes(what: string, expected: string | undefined, found: string): void {
  if (expected === undefined || expected === found) return;
  throw new LunetteError(
    "integrity",
    `${what} has the SHA-256 ${found}, but should have ${expected}. It was damaged in transit or is another file. Nothing of ` +
      "it was kept or used. Load again. If the error stays, check the file at its host and the expected hash.",
  );
}

/** A Git LFS pointer is shorter than this. */
const POINTER_BYTES = 1024;

/** @throws {LunetteError} `integrity` when they differ. */
export function compareSizes(what: string, expected: number | undefined, found: number | undefined): void {
  if (expected === undefined || found === undefined || expected === found) return;
  const advice =
    found < POINTER_BYTES && expected > POINTER_BYTES
      ? "So short a file is likely a Git LFS pointer, which stands for the model: on a hub, use the address with /resolve/ in " +
        "place of /raw/."
      : "It is another file than the one that was asked for: check the file at its host, or what is expected of it.";
  throw new LunetteError("integrity", `${what} is ${found} bytes long, but should be ${expected}. ${advice}`);
}
