import type { Found } from "../source/response.js";

/** Size of a chunk. A chunk is hashed, kept and dropped as a whole. */
export const CHUNK_BYTES = 4 << 20;

/** The metadata of a cached file. */
export interface FileRecord extends Found {
  format: 1;
  /** The cache key of the model. All its parts have the same. */
  model: string;
  part: number;
  parts: number;
  /** Without its signature. */
  url: string;
  name: string;
  license?: string;
  /** In milliseconds since 1970. */
  lastUsed: number;
  /** SHA-256 of each full chunk. A complete file has that of its last chunk too. */
  chunks: string[];
  /** The state of the file's SHA-256 after those chunks, in hexadecimal digits. */
  state?: string;
  /** The bytes after those chunks, and their SHA-256. */
  tail?: { bytes: number; sha256: string };
  /** Set once the file is on the disk and its hash is verified. */
  complete?: { sha256: string; verified: "pinned" | "host" | "recorded" };
}

/** The name of a part's file in the cache. */
export const fileKey = (model: string, part: number) => `${model}-${part}`;

/** The model of such a name. */
export const modelOf = (key: string) => key.replace(/-\d+$/u, "");

/** Number of bytes that a record says are present. */
export function bytesOf(record: FileRecord): number {
  const { complete, size = 0, chunks, tail } = record;
  return complete === undefined ? chunks.length * CHUNK_BYTES + (tail?.bytes ?? 0) : size;
}

/** Validates a record from the disk, where anything may lie. `undefined`: a field is wrong. */
export function parseRecord(value: unknown): FileRecord | undefined {
  const record = value as FileRecord;
  return isObject(value) && Object.entries(FIELDS).every(([key, check]) => check(value[key])) && agrees(record)
    ? record
    : undefined;
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isText = (value: unknown) => typeof value === "string" && value.length < 1 << 16;
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isHex = (value: unknown) => typeof value === "string" && /^(?:[0-9a-f]{2}){1,512}$/.test(value);
const maybe = (check: (value: unknown) => boolean) => (value: unknown) => value === undefined || check(value);

const FIELDS: Record<keyof FileRecord, (value: unknown) => boolean> = {
  format: (value) => value === 1,
  model: isText,
  part: isCount,
  parts: isCount,
  url: isText,
  name: isText,
  license: maybe(isText),
  lastUsed: (value) => typeof value === "number" && Number.isFinite(value),
  size: maybe(isCount),
  etag: maybe(isText),
  modified: maybe(isText),
  sha256: maybe(isHash),
  chunks: (value) => Array.isArray(value) && value.every(isHash),
  state: maybe(isHex),
  tail: maybe((value) => isObject(value) && isCount(value["bytes"]) && isHash(value["sha256"])),
  complete: maybe(
    (value) =>
      isObject(value) &&
      isHash(value["sha256"]) &&
      ["pinned", "host", "recorded"].includes(value["verified"] as string),
  ),
};

/** Whether the numbers of a record agree with each other. */
function agrees({ part, parts, size, chunks, state, tail, complete }: FileRecord): boolean {
  if (part >= parts) return false;
  if (complete !== undefined) return size !== undefined && chunks.length === Math.ceil(size / CHUNK_BYTES);
  if (chunks.length > 0 && state === undefined) return false;
  if (tail !== undefined && (tail.bytes === 0 || tail.bytes >= CHUNK_BYTES)) return false;
  return size === undefined || chunks.length * CHUNK_BYTES + (tail?.bytes ?? 0) <= size;
}
