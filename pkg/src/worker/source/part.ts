import { LunetteError } from "../../wire/errors.js";
import type { ByteSource, WasmSha256, WasmSha256Class } from "../../wire/wasm-contract.js";
import type { RetryPolicy } from "./retry.js";

/** One file of a model, wherever its bytes come from. */
export interface Part {
  /** Bytes in all, once that is known. */
  readonly size: number | undefined;
  /** Bytes that are here, or have passed through. */
  readonly arrived: number;
  /** Whether bytes are still to come over the network. */
  readonly remote: boolean;
  /** The SHA-256 that the whole was found to have, or has to have. */
  readonly sha256: string | undefined;
  /** Begins to read at the start. May be called again at any time. */
  open(): Promise<ByteSource>;
  /** Fetches without being read, where there is a place for the bytes. */
  start(): void;
  /** Stops what {@link start} began, until it is called again or the file is read. */
  pause(): Promise<void>;
  /** Waits for what the engine did not read, and until the whole is known to be right. */
  finish(): Promise<void>;
  /** Ends everything and lets go of all files. */
  stop(): Promise<void>;
}

/** What parts have in common while a model arrives. */
export interface Surroundings {
  Sha256: WasmSha256Class;
  signal: AbortSignal;
  /** Left out: the usual. */
  retry?: RetryPolicy | undefined;
  /** More bytes are here. */
  onBytes: () => void;
  /** What the user should know of the connection; `undefined` when that is over. */
  onNote: (note: string | undefined) => void;
}

/** What is known of a file before it is fetched. */
export interface Expected {
  sha256?: string | undefined;
  /** Only beside a hash: else it is a guess. */
  size?: number | undefined;
}

/** The load cannot go on with what the engine has read so far, and is worth another try from the start. */
export class StartOver extends Error {
  constructor(
    message: string,
    /** Whether to go without the cache from now on. */
    readonly uncached: boolean,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** SHA-256 of a file as it passes by, compared at its end. */
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
    `${what} has the SHA-256 ${found}, but should have ${expected}. It was damaged on its way or is another file; nothing of ` +
      "it was kept or used. Load again; if it stays so, check the file at its host and the expected hash.",
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
