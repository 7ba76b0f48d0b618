/** What a server says of a file. */
export interface Found {
  /** Bytes of the whole file. */
  size?: number;
  etag?: string;
  modified?: string;
  /** The SHA-256 that the host announces. */
  sha256?: string;
}

/** Reads an answer of status 200 or 206. `from`: where the bytes were asked to begin. */
export function readHeaders(response: Response, from: number): Found & { begin: number } {
  const { headers } = response;
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get("content-range") ?? "");
  const partial = response.status === 206;
  // A page of another origin may not see Content-Range; a server that answers 206 then has sent what was asked for.
  const begin = !partial ? 0 : range === null ? from : Number(range[1]);
  const length = lengthOf(headers);
  const size = partial && range !== null ? whole(range[2]) : length === undefined ? undefined : begin + length;
  const etag = headers.get("etag") ?? undefined;
  const modified = headers.get("last-modified") ?? undefined;
  const sha256 = hashIn(headers.get("x-linked-etag")) ?? hashIn(headers.get("etag"));
  return {
    begin,
    ...(size === undefined ? {} : { size }),
    ...(etag === undefined ? {} : { etag }),
    ...(modified === undefined ? {} : { modified }),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

/** What a hub's redirect says of the file that it leads to. */
export function readLinked(headers: Headers): Found {
  const sha256 = hashIn(headers.get("x-linked-etag"));
  const size = whole(headers.get("x-linked-size"));
  return { ...(sha256 === undefined ? {} : { sha256 }), ...(size === undefined ? {} : { size }) };
}

/**
 * Whether two answers can be about the same file. `"unknown"`: the sizes agree as far as they are known, but nothing
 * names the version.
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

/** An ETag that names the bytes, not just their meaning, as If-Range needs it. */
export function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && /^"[^"]*"$/.test(etag);
}

const weak = (etag: string) => etag.replace(/^W\//, "");

/** A hub for large files names them by their SHA-256. */
function hashIn(etag: string | null): string | undefined {
  return /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(etag ?? "")?.[1]?.toLowerCase();
}

/** A compressed answer states its compressed size, which is of no use here. */
function lengthOf(headers: Headers): number | undefined {
  return headers.has("content-encoding") ? undefined : whole(headers.get("content-length"));
}

function whole(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined || !/^\d+$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}
