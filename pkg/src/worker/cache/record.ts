import type { Found } from "../source/response.js";

/** Bytes that are hashed as one, and kept or dropped as one. */
export const CHUNK_BYTES = 4 << 20;

/** What lies beside the bytes of a file. */
export interface FileRecord extends Found {
  format: 1;
  /** The model that the file belongs to: all its parts have the same. */
  model: string;
  part: number;
  parts: number;
  /** Without what signs it. */
  url: string;
  name: string;
  license?: string;
  /** In milliseconds since 1970. */
  lastUsed: number;
  /** SHA-256 of each chunk that is whole; of a file that is complete, of its last too. */
  chunks: string[];
  /** The state of the file's hash after those chunks, in hexadecimal digits. */
  state?: string;
  /** What came after those chunks before the load ended, and its SHA-256. */
  tail?: { bytes: number; sha256: string };
  /** Set once the whole is on the disk and its hash was right. */
  complete?: { sha256: string; verified: "pinned" | "host" | "recorded" };
}

/** The name of a part's file. */
export const fileKey = (model: string, part: number) => `${model}-${part}`;

/** Bytes that a record vouches for. */
export function bytesOf(record: FileRecord): number {
  const { complete, size = 0, chunks, tail } = record;
  return complete === undefined ? chunks.length * CHUNK_BYTES + (tail?.bytes ?? 0) : size;
}

/** Anything may lie on a disk: what is not a record through and through is none. */
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

/** Whether the numbers of a record can all be true. */
function agrees({ part, parts, size, chunks, state, tail, complete }: FileRecord): boolean {
  if (part >= parts) return false;
  if (complete !== undefined) return size !== undefined && chunks.length === Math.ceil(size / CHUNK_BYTES);
  if (chunks.length > 0 && state === undefined) return false;
  if (tail !== undefined && (tail.bytes === 0 || tail.bytes >= CHUNK_BYTES)) return false;
  return size === undefined || chunks.length * CHUNK_BYTES + (tail?.bytes ?? 0) <= size;
}
