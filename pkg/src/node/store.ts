import * as fs from "node:fs";
import { access, mkdir, open, readdir, readFile, rename, rm, stat, statfs, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { Slots } from "../worker/cache/slots.js";
import type { LockMode, ReadableFile, Release, Space, Storage, Store, WritableFile } from "../worker/cache/store.js";
import { sleep } from "../worker/source/retry.js";

const DATA = ".gguf";
/** The interval at which a lock that is taken is polled. */
const POLL_MS = 250;

/** The folder of cached models: `$LUNETTE_CACHE`, else `lunette/models` in the user's cache folder. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const named = env["LUNETTE_CACHE"];
  if (named !== undefined && named !== "") return named;
  const cache = env["XDG_CACHE_HOME"];
  return join(cache !== undefined && cache !== "" ? cache : join(homedir(), ".cache"), "lunette", "models");
}

/** Opens the folder of cached models, if it is writable. */
export async function openFolder(folder = cacheFolder()): Promise<Storage> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, fs.constants.W_OK);
    return { store: new FolderStore(folder) };
  } catch (error) {
    return {
      missing: `the folder ${folder} cannot be written to (${(error as Error).message}); set LUNETTE_CACHE to another`,
    };
  }
}

class FolderStore implements Store {
  readonly #slots: Slots;

  constructor(private readonly folder: string) {
    this.#slots = new Slots({
      read: async (name) => {
        try {
          return await readFile(join(folder, name), "utf8");
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      },
      write: async (name, text) => {
        const path = join(folder, name);
        await writeFile(`${path}.new`, text, { flush: true });
        await rename(`${path}.new`, path);
      },
      remove: (name) => rm(join(folder, name), { force: true }),
    });
  }

  async names(): Promise<string[]> {
    return Slots.names(await readdir(this.folder));
  }

  async strays(): Promise<string[]> {
    return Slots.strays(await readdir(this.folder), DATA);
  }

  readRecord(name: string): Promise<unknown> {
    return this.#slots.read(name);
  }

  writeRecord(name: string, record: unknown): Promise<void> {
    return this.#slots.write(name, record);
  }

  openToWrite(name: string): Promise<WritableFile> {
    const { O_RDWR, O_CREAT } = fs.constants;
    return Promise.resolve(new DiskFile(fs.openSync(this.#path(name), O_RDWR | O_CREAT)));
  }

  openToRead(name: string): Promise<ReadableFile> {
    return Promise.resolve(new DiskFile(fs.openSync(this.#path(name), "r")));
  }

  async blob(name: string): Promise<Blob> {
    return fs.openAsBlob(this.#path(name));
  }

  async remove(name: string): Promise<void> {
    // Remove the record first: data without a record is ignored.
    await this.#slots.remove(name);
    await rm(this.#path(name), { force: true });
  }

  async lock(name: string, mode: LockMode, signal: AbortSignal, onWait?: () => void): Promise<Release> {
    for (let waited = false; ; waited = true) {
      const release = await this.tryLock(name, mode);
      if (release !== undefined) return release;
      if (!waited) onWait?.();
      await sleep(POLL_MS, signal);
    }
  }

  /** A lock file with its owner's process ID. Readers need no lock: a deleted file stays readable for them. */
  async tryLock(name: string, mode: LockMode): Promise<Release | undefined> {
    const path = join(this.folder, `${name}.lock`);
    if (mode === "shared") return (await isHeld(path)) ? undefined : () => undefined;
    try {
      const file = await open(path, "wx");
      await file.writeFile(String(process.pid));
      await file.close();
      return () => {
        fs.rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      if (await isHeld(path)) return undefined;
      await rm(path, { force: true });
      return this.tryLock(name, mode);
    }
  }

  async space(): Promise<Space | undefined> {
    const { bavail, blocks, bsize } = await statfs(this.folder);
    return { quota: blocks * bsize, usage: (blocks - bavail) * bsize, persisted: true };
  }

  #path(name: string): string {
    return join(this.folder, name + DATA);
  }
}

/** Whether the process that made a lock still runs. */
async function isHeld(path: string): Promise<boolean> {
  try {
    const owner = Number(await readFile(path, "utf8"));
    // The file was just created, and its process ID is not written yet. A clock that was set back makes it one of the future.
    if (owner === 0) return Math.abs(Date.now() - (await stat(path)).mtimeMs) < 5000;
    process.kill(owner, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";

class DiskFile implements WritableFile {
  constructor(private readonly file: number) {}

  get size(): number {
    return fs.fstatSync(this.file).size;
  }

  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = new Uint8Array(length);
    return new Promise((resolve, reject) => {
      fs.read(this.file, bytes, 0, length, at, (error, count) => {
        if (error === null) resolve(bytes.subarray(0, count));
        else reject(error);
      });
    });
  }

  write(bytes: Uint8Array, at: number): void {
    for (let written = 0; written < bytes.length;) {
      written += fs.writeSync(this.file, bytes, written, bytes.length - written, at + written);
    }
  }

  truncate(size: number): void {
    fs.ftruncateSync(this.file, size);
  }

  flush(): void {
    fs.fsyncSync(this.file);
  }

  close(): void {
    fs.closeSync(this.file);
  }
}
