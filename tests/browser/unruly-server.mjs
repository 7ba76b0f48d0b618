// A file server with injected faults, which logs what it sent.

/** A repeatable source of numbers from 0 to below 1. */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * The fault of one response, if any:
 * `cut: n`: the connection ends after n bytes of the body; `stall: n`: after n bytes nothing more comes;
 * `status`, `headers`: no file but this; `ignoreRange`: the whole file, whatever was asked for; `claim: n`: announces n bytes
 * too many (fewer, if negative) and ends early; `etag`: another version's; `bytes`: another file's; `flip: n`: one bit of byte n of the
 * file is wrong; `chunked`: no length is announced.
 */

/** Named files, each with a function from the number of a request to the fault of its response. */
export class UnrulyServer {
  /** Every request: `{ name, method, range, ifRange, status, from, sent }`; `sent` counts the bytes of the body. */
  log = [];
  #files = new Map();

  /** @param misbehave given how many requests for this file came before, and where this one begins. */
  put(name, bytes, { etag = `"${name}-1"`, headers = {}, misbehave = () => undefined } = {}) {
    this.#files.set(name, { bytes, etag, headers, misbehave, requests: 0 });
  }

  /** The requests for a file, in order. */
  requests(name) {
    return this.log.filter((entry) => entry.name === name && entry.method === "GET");
  }

  /** The bytes of a file that were sent more than once, as `[from, to, times]`. */
  twice(name) {
    const edges = this.requests(name).flatMap(({ from, sent }) => [
      [from, 1],
      [from + sent, -1],
    ]);
    edges.sort(([a, x], [b, y]) => a - b || x - y);
    const found = [];
    let times = 0;
    edges.forEach(([at, step], i) => {
      times += step;
      const to = edges[i + 1]?.[0] ?? at;
      if (times > 1 && to > at) found.push([at, to, times]);
    });
    return found;
  }

  /** A request handler of `node:http`; the last piece of the path is the file's name. */
  handle = (request, response) => {
    const name = decodeURIComponent(new URL(request.url, "http://localhost").pathname.split("/").pop());
    const file = this.#files.get(name);
    if (!file) return void response.writeHead(404).end();
    const { range, "if-range": ifRange } = request.headers;
    const entry = { name, method: request.method, range, ifRange, status: 200, from: 0, sent: 0 };
    this.log.push(entry);
    const asked = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0);
    const order = request.method === "GET" ? (file.misbehave(file.requests++, asked) ?? {}) : {};
    const etag = order.etag ?? file.etag;
    const bytes = order.bytes ?? file.bytes;
    if (order.status) {
      entry.status = order.status;
      return void response.writeHead(order.status, order.headers).end();
    }
    const partial = range !== undefined && !order.ignoreRange && (ifRange === undefined || ifRange === etag);
    if (partial && asked >= bytes.length) {
      entry.status = 416;
      return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
    }
    const from = partial ? asked : 0;
    const body = Buffer.from(bytes.subarray(from));
    if (order.flip !== undefined && order.flip >= from) body[order.flip - from] ^= 1;
    Object.assign(entry, { from, status: partial ? 206 : 200 });
    const headers = { "content-type": "application/octet-stream", ...file.headers };
    if (etag) headers.etag = etag;
    if (!order.chunked) headers["content-length"] = body.length + (order.claim ?? 0);
    if (partial) {
      const total = bytes.length + (order.claim ?? 0);
      headers["content-range"] = `bytes ${from}-${total - 1}/${total}`;
    }
    response.writeHead(entry.status, headers);
    if (request.method === "HEAD") return void response.end();
    const most = Math.min(
      body.length,
      order.cut ?? Infinity,
      order.stall ?? Infinity,
      body.length + Math.min(0, order.claim ?? 0),
    );
    send(response, body.subarray(0, most), entry, () => {
      if (order.stall !== undefined) return;
      if (most < body.length || order.claim) response.socket?.end();
      else response.end();
    });
  };
}

const PIECE = 64 << 10;

/** Sends piece by piece, no faster than the other side reads; `done` is called when all of it has gone out. */
function send(response, body, entry, done) {
  let at = 0;
  const more = () => {
    if (response.destroyed) return;
    if (at >= body.length) return void done();
    const piece = body.subarray(at, at + PIECE);
    at += piece.length;
    entry.sent += piece.length;
    response.write(piece, more);
  };
  more();
}
