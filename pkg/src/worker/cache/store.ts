/** What a browser, or Node, keeps models in. Names are those of {@link fileKey}. */
export interface Store {
  /** The names of all files that have a record. */
  names(): Promise<string[]>;
  /** The newest record of a file that can be read; `undefined` where there is none. Whatever it is, it is unchecked. */
  readRecord(name: string): Promise<unknown>;
  /** A crash while this runs leaves the record before. */
  writeRecord(name: string, record: unknown): Promise<void>;
  openToWrite(name: string): Promise<WritableFile>;
  openToRead(name: string): Promise<ReadableFile>;
  /** The file as something to be given away: its bytes stay where they are until they are read. */
  blob(name: string): Promise<Blob>;
  /** Removes a file and its record. Harmless where there is neither. */
  remove(name: string): Promise<void>;
  /** Waits until nobody holds the lock otherwise. `onWait` is told if that is not at once. */
  lock(name: string, mode: LockMode, signal: AbortSignal, onWait?: () => void): Promise<Release>;
  /** `undefined`: somebody holds it. */
  tryLock(name: string, mode: LockMode): Promise<Release | undefined>;
  /** `undefined`: that is not known here. */
  space(): Promise<Space | undefined>;
}

export type LockMode = "shared" | "exclusive";
export type Release = () => void;

/** Bytes, of all that this origin (in Node: this disk) keeps. */
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

/** Where models can be kept, or why they cannot. */
export type Storage = { store: Store } | { missing: string };

/** Whether a write failed because there is no room. */
export function isFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return (
    error.name === "QuotaExceededError" || ("code" in error && (error.code === "ENOSPC" || error.code === "EDQUOT"))
  );
}
