import { LunetteError } from "../../wire/errors.js";
import type { WireUrl } from "../../wire/protocol.js";
import { fileName, modelKey, plainUrl } from "./address.js";
import { fileKey, parseRecord } from "./record.js";
import type { FileRecord } from "./record.js";
import type { Store } from "./store.js";

/** What the cache holds of a model. */
export interface Holding {
  /** The model's cache key, which also names its lock. */
  model: string;
  /** One for each part: the record on the disk, or a new one. */
  records: FileRecord[];
  /** Whether all parts are complete. */
  complete: boolean;
  /** Names of cached files that cannot be used. */
  stale: string[];
}

/**
 * Finds a model by its address, or by the hashes of its parts if all are known: the same file may have been cached from
 * another address.
 *
 * @param hashes the SHA-256 that each part must have, where known.
 */
export async function lookUp(store: Store, source: WireUrl, hashes: readonly (string | undefined)[]): Promise<Holding> {
  const model = await modelKey(source.parts[0] ?? "");
  const own = await holding(store, model, source, hashes);
  if (own.complete || hashes.length === 0 || hashes.some((hash) => hash === undefined)) return own;
  const wanted = hashes.join();
  for (const [other, records] of await allModels(store)) {
    const found = records.map((record) => record.complete?.sha256);
    if (found.join() === wanted) return holding(store, other, source, hashes);
  }
  return own;
}

async function holding(
  store: Store,
  model: string,
  source: WireUrl,
  hashes: readonly (string | undefined)[],
): Promise<Holding> {
  const stale: string[] = [];
  const records = await Promise.all(
    source.parts.map(async (url, part) => {
      const name = fileKey(model, part);
      const fresh = freshRecord(source, model, part, url);
      const stored = await store.readRecord(name);
      if (stored === undefined) return fresh;
      const record = parseRecord(stored);
      const right = record?.model === model && record.part === part && record.parts === source.parts.length;
      if (!right || !canBe(record, hashes[part])) {
        stale.push(name);
        return fresh;
      }
      return withCaller(record, source);
    }),
  );
  return { model, records, complete: records.every((record) => record.complete !== undefined), stale };
}

function freshRecord(source: WireUrl, model: string, part: number, url: string): FileRecord {
  const parts = source.parts.length;
  const name = source.name ?? fileName(source.parts[0] ?? "");
  const record: FileRecord = {
    format: 1,
    model,
    part,
    parts,
    url: plainUrl(url),
    name,
    lastUsed: Date.now(),
    chunks: [],
  };
  return withCaller(record, source);
}

/** The caller's name and licence replace those of an earlier load. */
function withCaller(record: FileRecord, { name, license }: WireUrl): FileRecord {
  return {
    ...record,
    ...(name === undefined ? {} : { name }),
    ...(license === undefined ? {} : { license }),
  };
}

/** Whether a cached file can have this hash. */
function canBe(record: FileRecord, hash: string | undefined): boolean {
  const known = record.complete?.sha256 ?? record.sha256;
  return hash === undefined || known === undefined || known === hash;
}

/** All models of the cache, each with its parts in order. */
export async function allModels(store: Store): Promise<Map<string, FileRecord[]>> {
  const models = new Map<string, FileRecord[]>();
  const records = await Promise.all((await store.names()).map((name) => store.readRecord(name)));
  for (const record of records.map(parseRecord)) {
    if (record === undefined) continue;
    models.set(record.model, [...(models.get(record.model) ?? []), record]);
  }
  for (const parts of models.values()) parts.sort((a, b) => a.part - b.part);
  return models;
}

export function missingModel(url: string): LunetteError {
  return new LunetteError(
    "source",
    `There is no model ${url} in the cache of this browser and site. Import it again, or load it from its address.`,
  );
}
