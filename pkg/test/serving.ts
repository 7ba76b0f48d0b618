import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach } from "vitest";

let servers: Server[] = [];

/** Starts an HTTP server that stops after the test. Returns the address of a file. */
export async function serving(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
}

afterEach(() => {
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  servers = [];
});

/** The first byte of a request's range. */
export const begins = (request: IncomingMessage) =>
  Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);

/**
 * Answers like a correct server. `upTo`: after this many bytes of the body it closes the connection, or with `stay` it sends
 * nothing more.
 */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  { etag = '"1"', upTo = Infinity, stay = false }: { etag?: string; upTo?: number; stay?: boolean } = {},
): void {
  const { "if-range": condition } = request.headers;
  const from = condition === undefined || condition === etag ? begins(request) : 0;
  const partial = request.headers.range !== undefined && from > 0;
  const body = bytes.subarray(from);
  response.writeHead(partial ? 206 : 200, {
    etag,
    "content-length": body.length,
    ...(partial ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}),
  });
  if (request.method === "HEAD" || upTo >= body.length) {
    response.end(request.method === "HEAD" ? undefined : body);
    return;
  }
  response.write(body.subarray(0, upTo), () => {
    if (!stay) setTimeout(() => response.socket?.end(), 5);
  });
}

/** Pseudo-random bytes. */
export function noise(length: number): Uint8Array<ArrayBuffer> {
  let state = 1;
  return Uint8Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
}
