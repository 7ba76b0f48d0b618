/** The storage of models, in a browser or in Node. Names come from {@link fileKey}. */
export interface Store {
  /** The names of all files that have a record. */
  names(): Promise<string[]>;
  /** The names of all files that have no record. */
  strays(): Promise<string[]>;
  /** The newest readable record of a file, not validated; `undefined` where there is none. */
  readRecord(name: string): Promise<unknown>;
  /** Atomic: a crash leaves the record before. */
  writeRecord(name: string, record: unknown): Promise<void>;
  openToWrite(name: string): Promise<WritableFile>;
  openToRead(name: string): Promise<ReadableFile>;
  /** The file as a `Blob`, whose bytes stay on the disk until they are read. */
  blob(name: string): Promise<Blob>;
  /** Removes a file and its record, if they exist. */
  remove(name: string): Promise<void>;
  /** Waits for the lock. Calls `onWait` if somebody else holds it. */
  lock(name: string, mode: LockMode, signal: AbortSignal, onWait?: () => void): Promise<Release>;
  /** `undefined`: somebody else holds the lock. */
  tryLock(name: string, mode: LockMode): Promise<Release | undefined>;
  /** `undefined`: not known here. */
  space(): Promise<Space | undefined>;
}

export type LockMode = "shared" | "exclusive";
export type Release = () => void;

/** Bytes, of everything in this origin's storage (in Node: on this disk). */
export interface Space {
  quota: number;
  usage: number;
  persisted: boolean;
}

export interface ReadableFile {
  readonly size: number;
  /** Fewer bytes than asked for only at the end of the file. */
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  close(): void;
}

export interface WritableFile extends ReadableFile {
  write(bytes: Uint8Array, at: number): void;
  truncate(size: number): void;
  flush(): void;
}

/** The storage, or the reason why there is none. */
export type Storage = { store: Store } | { missing: string };

/** Whether a write failed because there is no room. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "QuotaExceededError" || ("code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT"))
  );
}
