/*
 * The service worker. It caches the page's own files, so that the page opens without a network. It reports every request of
 * the page and of the judge's worker to the page, which counts them. It blocks requests that could send data. It does not
 * cache models: the package does.
 */

interface Shell {
  /** The hash of all its files. */
  version: string;
  /** Relative to the address of this file. */
  files: string[];
}

interface Globals extends ServiceWorkerGlobalScope {
  /** Set by the build. */
  readonly SHELL: Shell;
}

const worker = self as unknown as Globals;
const { version, files } = worker.SHELL;
const base = worker.registration.scope;
/** The prefix of this build's caches. Caches belong to the origin, and several builds may lie in its folders. */
const mine = `lunette ${base} `;
const cacheName = mine + version;
const kept = new Set(files.map((file) => new URL(file, base).href));
const page = new URL("index.html", base).href;

worker.addEventListener("install", (event) => {
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(files)));
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((other) => other.startsWith(mine) && other !== cacheName);
  await Promise.all(old.map((other) => caches.delete(other)));
  // Control the page at its first visit too.
  await worker.clients.claim();
}

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET" && request.method !== "HEAD") {
    event.waitUntil(tell(event, "refused"));
    event.respondWith(Response.error());
    return;
  }
  const { origin, pathname } = new URL(request.url);
  const file = origin + pathname;
  if (file === base || kept.has(file)) event.respondWith(answer(event, file === base ? page : file));
  else event.waitUntil(tell(event, "network"));
});

async function answer(event: FetchEvent, file: string): Promise<Response> {
  const cached = await caches.match(file, { cacheName });
  event.waitUntil(tell(event, cached ? "kept" : "network"));
  return cached ?? fetch(event.request);
}

/** A worker's owner is not known, so its requests are told to every page of this site that is open. */
async function tell({ request, clientId }: FetchEvent, answered: "kept" | "network" | "refused"): Promise<void> {
  const at = Date.now();
  const { url, method } = request;
  const pages = await worker.clients.matchAll({ type: "window" });
  const asking = pages.filter(({ id }) => id === clientId);
  for (const client of asking.length > 0 ? asking : pages) {
    client.postMessage({ type: "request", url, method, answered, at });
  }
}
