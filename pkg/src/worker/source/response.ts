/** What a server's headers say of a file. */
export interface Found {
  /** Bytes of the whole file. */
  size?: number;
  etag?: string;
  modified?: string;
  /** The SHA-256 that the host states, in `x-linked-etag`. */
  sha256?: string;
}

/** Reads the headers of a response with status 200 or 206. `from`: the first byte that was requested. */
export function readHeaders(response: Response, from: number): Found & { begin: number } {
  const { headers } = response;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  const partial = response.status === 206;
  // CORS may hide Content-Range. A response with status 206 then holds the range that was requested.
  const begin = !partial ? 0 : range === null ? from : Number(range[1]);
  const length = lengthOf(headers);
  const size = partial && range !== null ? whole(range[2]) : length === undefined ? undefined : begin + length;
  const etag = headers.get("etag") ?? undefined;
  const modified = headers.get("last-modified") ?? undefined;
  // Not from `etag`: the ETag of a hub's storage may be another hash that looks the same.
  const { sha256 } = readLinked(headers);
  return {
    begin,
    ...(size === undefined ? {} : { size }),
    ...(etag === undefined ? {} : { etag }),
    ...(modified === undefined ? {} : { modified }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

/** What a hub's redirect states of the file. */
export function readLinked(headers: Headers): Found {
  const sha256 = hashIn(headers.get("x-linked-etag"));
  const size = whole(headers.get("x-linked-size"));
  return { ...(sha256 === undefined ? {} : { sha256 }), ...(size === undefined ? {} : { size }) };
}

/**
 * Whether two responses are about the same version of a file. `"unknown"`: no known size differs, but no header names the
 * version.
 */
export function compare(before: Found, after: Found): "same" | "other" | "unknown" {
  if (before.size !== undefined && after.size !== undefined && before.size !== after.size) return "other";
  if (before.etag !== undefined && after.etag !== undefined) {
    return weak(before.etag) === weak(after.etag) ? "same" : "other";
  }
  if (before.modified !== undefined && after.modified !== undefined) {
    return before.modified === after.modified ? "same" : "other";
  }
  return "unknown";
}

/** Whether an ETag is strong. If-Range needs a strong one. */
export function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && /^"[^"]*"$/.test(etag);
}

const weak = (etag: string) => etag.replace(/^W\//, "");

/** The SHA-256 in a linked ETag: hubs name large files by it. */
function hashIn(etag: string | null): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? "")?.[1]?.toLowerCase();
}

/** The size in the headers. A compressed response states its compressed size, which does not count. */
function lengthOf(headers: Headers): number | undefined {
  return headers.has("content-encoding") ? undefined : whole(headers.get("content-length"));
}

function whole(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
