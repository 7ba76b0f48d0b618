import { LunetteError } from "../../wire/errors.js";
import type { WireUrl } from "../../wire/protocol.js";
import { partOf } from "../../wire/split.js";
import type { CachedModel, StorageUsage } from "../../types/index.js";
import type { WasmSha256Class } from "../../wire/wasm-contract.js";
import { CACHE_SCHEME, modelKey, plainUrl } from "./address.js";
import { GrowingFile } from "./chunks.js";
import { allModels } from "./lookup.js";
import { bytesOf, fileKey, modelOf } from "./record.js";
import type { FileRecord } from "./record.js";
import { requireRoom, tooLittle } from "./room.js";
import { isFull } from "./store.js";
import type { Storage, Store } from "./store.js";

/** Bytes of an imported file that are in memory at a time. */
const SLICE_BYTES = 4 << 20;

/** Lists, imports, exports and deletes the cached models. */
export class Library {
  private constructor(private readonly store: Store) {}

  /** @throws {LunetteError} `source` where there is no storage. */
  static in(storage: Storage): Library {
    if ("store" in storage) return new Library(storage.store);
    throw new LunetteError(
      "source",
      `Models cannot be kept here: ${storage.missing}. They can still be loaded, and are fetched each time.`,
    );
  }

  async list(): Promise<CachedModel[]> {
    await this.#sweep();
    const models = [...(await allModels(this.store)).values()].map(describe);
    return models.sort((a, b) => b.lastUsed - a.lastUsed);
  }

  async usage(): Promise<StorageUsage> {
    const models = (await this.list()).reduce((sum, { bytes }) => sum + bytes, 0);
    const space = await this.store.space();
    return { usage: 0, quota: 0, persisted: false, ...space, models };
  }

  /**
   * Does nothing where there is no such model.
   *
   * @param url `id` as an address, where it may be one.
   * @throws {LunetteError} `in-use` while the model is being loaded.
   */
  async delete(id: string, url?: string): Promise<undefined> {
    const found = await this.#find(id, url);
    // A load that has just begun may have no record yet.
    const model = found[0]?.model ?? (url === undefined ? undefined : await modelKey(url));
    if (model === undefined) return undefined;
    const release = await this.store.tryLock(model, "exclusive");
    if (release === undefined) {
      const name = found[0]?.name ?? id;
      throw new LunetteError("in-use", `"${name}" is being loaded, here or in another tab. Delete it later.`);
    }
    try {
      for (const { model, part } of found) await this.store.remove(fileKey(model, part));
    } finally {
      release();
    }
    return undefined;
  }

  async export(id: string, url?: string): Promise<Blob> {
    const [, whole = id, part] = /^(.*)\/(\d+)$/.exec(id) ?? [];
    const found = await this.#find(id, url);
    const records = found.length > 0 ? found : await this.#find(whole, url?.replace(/\/\d+$/, ""));
    if (records.length === 0) throw new LunetteError("invalid-argument", `There is no model "${id}" in the cache.`);
    if (records.length > 1 && part === undefined) {
      throw new LunetteError(
        "invalid-argument",
        `"${id}" has ${records.length} files. Export each of them: "${id}/1" to "${id}/${records.length}".`,
      );
    }
    const record = records.length > 1 ? records[Number(part) - 1] : records[0];
    if (record?.complete === undefined) {
      throw new LunetteError("invalid-argument", `"${id}" is not complete. Load it once to the end, then export it.`);
    }
    return this.store.blob(fileKey(record.model, record.part));
  }

  /**
   * Puts a file into the cache, as if it had been downloaded from `source`.
   *
   * @throws {LunetteError} `integrity` when it is not the file that `source` says; `quota`; `in-use`.
   */
  async import(file: Blob, source: WireUrl | undefined, Sha256: WasmSha256Class): Promise<CachedModel> {
    const name = (file as Partial<File>).name ?? "model.gguf";
    if ((source?.parts.length ?? 1) > 1 || (partOf(name)?.parts ?? 1) > 1) {
      throw new LunetteError(
        "invalid-argument",
        "A split file cannot be imported. Load its parts as an array of files, or join them with `gguf-split --merge`.",
      );
    }
    const url = source?.parts[0] ?? `${CACHE_SCHEME}${crypto.randomUUID()}/${encodeURIComponent(name)}`;
    const model = await modelKey(url);
    await requireRoom(this.store, file.size);
    const release = await this.store.tryLock(model, "exclusive");
    if (release === undefined) throw new LunetteError("in-use", `"${name}" is being loaded just now. Import it later.`);
    try {
      await this.store.remove(fileKey(model, 0));
      const record: FileRecord = {
        format: 1,
        model,
        part: 0,
        parts: 1,
        url: plainUrl(url),
        name: source?.name ?? name,
        lastUsed: Date.now(),
        size: file.size,
        chunks: [],
        ...(source?.license === undefined ? {} : { license: source.license }),
      };
      return describe([await this.#copy(file, record, source?.sha256?.[0], Sha256)]);
    } finally {
      release();
    }
  }

  async #copy(
    file: Blob,
    record: FileRecord,
    pinned: string | undefined,
    Sha256: WasmSha256Class,
  ): Promise<FileRecord> {
    const key = fileKey(record.model, 0);
    const growing = await GrowingFile.open(this.store, key, record, Sha256);
    let failed = false;
    try {
      for (let at = 0; at < file.size; at += SLICE_BYTES) {
        growing.append(new Uint8Array(await file.slice(at, at + SLICE_BYTES).arrayBuffer()));
      }
      await growing.complete(`The file ${record.name}`, pinned);
      return growing.record;
    } catch (error) {
      failed = true;
      if (isFull(error)) throw new LunetteError("quota", tooLittle(file.size, 0), { cause: error });
      throw error;
    } finally {
      growing.close();
      if (failed) await this.store.remove(key);
    }
  }

  /** Removes what a load has left that ended before its first record was written, as in a tab that is closed: nobody would find it. */
  async #sweep(): Promise<void> {
    for (const key of await this.store.strays()) {
      const release = await this.store.tryLock(modelOf(key), "exclusive");
      // It is being loaded.
      if (release === undefined) continue;
      try {
        // The load may have ended just now.
        if ((await this.store.readRecord(key)) === undefined) await this.store.remove(key);
      } catch {
        // A tab that closes may have the file open still. The next call finds it again.
      } finally {
        release();
      }
    }
  }

  /** By identity, name or address. */
  async #find(id: string, address: string | undefined): Promise<FileRecord[]> {
    const url = address === undefined ? undefined : plainUrl(address);
    const models = [...(await allModels(this.store)).values()];
    return (
      models.find(([first]) => first?.model === id) ??
      models.find(([first]) => first?.url === url) ??
      models.find(([first]) => first?.name === id) ??
      []
    );
  }
}

function describe(parts: FileRecord[]): CachedModel {
  const [first] = parts as [FileRecord];
  const sum = (of: (record: FileRecord) => number) => parts.reduce((total, record) => total + of(record), 0);
  const complete = parts.length === first.parts && parts.every((record) => record.complete !== undefined);
  const sizes = parts.length === first.parts && parts.every((record) => record.size !== undefined);
  return {
    id: first.model,
    name: first.name,
    url: first.url,
    bytes: sum(bytesOf),
    complete,
    lastUsed: Math.max(...parts.map((record) => record.lastUsed)),
    ...(sizes ? { total: sum((record) => record.size ?? 0) } : {}),
    ...first.complete,
    ...(first.license === undefined ? {} : { license: first.license }),
  };
}
