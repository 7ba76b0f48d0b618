// A plain static host: files below a path, models beside them, and no extra headers by default.

import { createServer } from "node:http";
import { dirname } from "node:path";
import sirv from "sirv";
import { model } from "../lib.mjs";

/**
 * Serves `folder` at `base`, which ends in a slash, and the default model's folder at `models/` below it.
 * Every request is listed in `requests`. `maxAge`: for how many seconds a browser may keep the files, by default for none.
 */
export async function serve(folder, { base = "/", headers = {}, maxAge } = {}) {
  const requests = [];
  const handlers = [
    [`${base}models/`, sirv(dirname(model), { dev: true })],
    [base, sirv(folder, maxAge === undefined ? { dev: true } : { maxAge })],
  ];
  const server = createServer((request, response) => {
    requests.push(request.url);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    const missing = () => response.writeHead(404).end("not found");
    const [at, handler] = handlers.find(([at]) => request.url.startsWith(at)) ?? [];
    if (!handler) return missing();
    request.url = request.url.slice(at.length - 1);
    handler(request, response, missing);
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${server.address().port}${base}`,
    requests,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
