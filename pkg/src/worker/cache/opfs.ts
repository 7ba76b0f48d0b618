import { Slots } from "./slots.js";
import type { LockMode, ReadableFile, Release, Space, Storage, Store, WritableFile } from "./store.js";

/** File handles that browsers have in workers, and TypeScript's DOM library lacks. */
interface SyncHandle {
  read(into: Uint8Array, options: { at: number }): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  getSize(): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
interface FileHandle extends FileSystemFileHandle {
  createSyncAccessHandle?: (options?: { mode: "read-only" | "readwrite" }) => Promise<SyncHandle>;
}
type Directory = FileSystemDirectoryHandle & { keys(): AsyncIterable<string> };

const FOLDER = ["lunette", "models"];
const DATA = ".gguf";

/** The origin private file system, if this thread can use it. */
export async function openOpfs(): Promise<Storage> {
  const scope = globalThis as { isSecureContext?: boolean; navigator?: Partial<Navigator>; document?: unknown };
  if (scope.isSecureContext !== true) return { missing: "the page was not loaded over HTTPS" };
  const { storage, locks } = scope.navigator ?? {};
  if (storage === undefined || !("getDirectory" in storage))
    return { missing: "this browser has no private file system" };
  if (locks === undefined) return { missing: "this browser has no Web Locks" };
  // Only dedicated workers can write files in pieces.
  if (scope.document !== undefined) return { missing: "the engine runs on the page's own thread (`worker: false`)" };
  try {
    let folder = await storage.getDirectory();
    for (const name of FOLDER)
      folder = await ask(folder, (folder) => folder.getDirectoryHandle(name, { create: true }));
    await probe(folder);
    return { store: new OpfsStore(folder, storage, locks) };
  } catch (error) {
    return { missing: `this browser refuses (as private windows do): ${(error as Error).message.replace(/\.$/u, "")}` };
  }
}

/** A private window may give a folder in which no file can be opened. */
async function probe(folder: FileSystemDirectoryHandle): Promise<void> {
  const name = `probe-${crypto.randomUUID()}`;
  try {
    (await openHandle(await fileIn(folder, name, true))).close();
  } finally {
    await ask(folder, (folder) => folder.removeEntry(name)).catch(() => undefined);
  }
}

function openHandle(file: FileHandle, mode?: "read-only"): Promise<SyncHandle> {
  return ask(file, (file) => {
    if (file.createSyncAccessHandle === undefined) throw new Error("files cannot be opened in this worker");
    return file.createSyncAccessHandle(mode === undefined ? undefined : { mode });
  });
}

function fileIn(folder: FileSystemDirectoryHandle, name: string, create = false): Promise<FileSystemFileHandle> {
  return ask(folder, (folder) => folder.getFileHandle(name, { create }));
}

function getFile(file: FileSystemFileHandle): Promise<File> {
  return ask(file, (file) => file.getFile());
}

const asked = new Set<unknown>();

/**
 * Keeps a handle alive until its promise settles. Chromium garbage-collects a handle that nobody holds even while its promise
 * is awaited. The promise then never settles, and the load hangs.
 */
async function ask<Handle, T>(handle: Handle, question: (handle: Handle) => Promise<T>): Promise<T> {
  const hold = { handle };
  asked.add(hold);
  try {
    return await question(handle);
  } finally {
    asked.delete(hold);
  }
}

class OpfsStore implements Store {
  readonly #slots: Slots;

  constructor(
    private readonly folder: Directory,
    private readonly manager: StorageManager,
    private readonly locks: LockManager,
  ) {
    this.#slots = new Slots({
      read: async (name) => {
        const file = await this.#existing(name);
        return file === undefined ? undefined : (await getFile(file)).text();
      },
      write: async (name, text) => {
        const handle = await openHandle(await fileIn(folder, name, true));
        try {
          handle.truncate(0);
          handle.write(new TextEncoder().encode(text), { at: 0 });
          handle.flush();
        } finally {
          handle.close();
        }
      },
      remove: (name) => this.#remove(name),
    });
  }

  async names(): Promise<string[]> {
    return Slots.names(await this.#files());
  }

  async strays(): Promise<string[]> {
    return Slots.strays(await this.#files(), DATA);
  }

  readRecord(name: string): Promise<unknown> {
    return this.#slots.read(name);
  }

  writeRecord(name: string, record: unknown): Promise<void> {
    return this.#slots.write(name, record);
  }

  async openToWrite(name: string): Promise<WritableFile> {
    return new SyncFile(await openHandle(await fileIn(this.folder, name + DATA, true)));
  }

  async openToRead(name: string): Promise<ReadableFile> {
    const file = await fileIn(this.folder, name + DATA);
    try {
      return new SyncFile(await openHandle(file, "read-only"));
    } catch (error) {
      // A browser that does not know the mode opens the file exclusively, and another tab has it open now.
      if ((error as Error).name !== "NoModificationAllowedError") throw error;
      return new SnapshotFile(await getFile(file));
    }
  }

  async blob(name: string): Promise<Blob> {
    return getFile(await fileIn(this.folder, name + DATA));
  }

  async remove(name: string): Promise<void> {
    // Remove the record first: data without a record is ignored.
    await this.#slots.remove(name);
    await this.#remove(name + DATA);
  }

  async lock(name: string, mode: LockMode, signal: AbortSignal, onWait?: () => void): Promise<Release> {
    const release = await this.tryLock(name, mode);
    if (release !== undefined) return release;
    onWait?.();
    return this.#request(name, { mode, signal }) as Promise<Release>;
  }

  tryLock(name: string, mode: LockMode): Promise<Release | undefined> {
    return this.#request(name, { mode, ifAvailable: true });
  }

  #request(name: string, options: LockOptions): Promise<Release | undefined> {
    return new Promise((resolve, reject) => {
      this.locks
        .request(`lunette:${name}`, options, (lock) => {
          if (lock === null) {
            resolve(undefined);
            return undefined;
          }
          return new Promise<void>((release) => {
            resolve(release);
          });
        })
        .catch(reject);
    });
  }

  async space(): Promise<Space | undefined> {
    try {
      const [{ quota, usage }, persisted] = await Promise.all([this.manager.estimate(), this.manager.persisted()]);
      return quota === undefined || usage === undefined ? undefined : { quota, usage, persisted };
    } catch {
      return undefined;
    }
  }

  async #files(): Promise<string[]> {
    const files: string[] = [];
    await ask(this.folder.keys(), async (keys) => {
      for await (const name of keys) files.push(name);
    });
    return files;
  }

  async #existing(name: string): Promise<FileSystemFileHandle | undefined> {
    try {
      return await fileIn(this.folder, name);
    } catch (error) {
      if ((error as Error).name === "NotFoundError") return undefined;
      throw error;
    }
  }

  async #remove(name: string): Promise<void> {
    try {
      await ask(this.folder, (folder) => folder.removeEntry(name));
    } catch (error) {
      if ((error as Error).name !== "NotFoundError") throw error;
    }
  }
}

class SyncFile implements WritableFile {
  constructor(private readonly handle: SyncHandle) {}

  get size(): number {
    return this.handle.getSize();
  }

  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    return Promise.resolve(bytes.subarray(0, this.handle.read(bytes, { at })));
  }

  write(bytes: Uint8Array, at: number): void {
    const written = this.handle.write(bytes, { at });
    // Some browsers write only what there is room for, without an error.
    if (written < bytes.length) throw new DOMException("the storage is full", "QuotaExceededError");
  }

  truncate(size: number): void {
    this.handle.truncate(size);
  }

  flush(): void {
    this.handle.flush();
  }

  close(): void {
    this.handle.close();
  }
}

/** A snapshot of a file. */
class SnapshotFile implements ReadableFile {
  constructor(private readonly file: File) {}

  get size(): number {
    return this.file.size;
  }

  async read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await this.file.slice(at, at + length).arrayBuffer());
  }

  close(): void {
    // Nothing is open.
  }
}
