import { useFetch } from "../worker/source/fetch.js";
import type { Fetch } from "../worker/source/fetch.js";
import { readLinked } from "../worker/source/response.js";

/** As many as `fetch` follows by itself. */
const MOST = 20;

/**
 * Follows redirects one by one, to see their headers: a hub states the SHA-256 and the size of a file in its redirect to the
 * storage.
 */
const followRedirects: Fetch = async (url, init) => {
  let at = url;
  let linked = {};
  for (let hops = 0; hops <= MOST; hops += 1) {
    const response = await fetch(at, { ...init, redirect: "manual" });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return { response, linked };
    linked = { ...linked, ...readLinked(response.headers) };
    await response.body?.cancel();
    at = new URL(location, at).href;
  }
  throw new TypeError(`${url} redirects more than ${MOST} times`);
};

/** Makes the downloads of this thread read the headers of redirects. */
export function seeRedirects(): void {
  useFetch(followRedirects);
}
