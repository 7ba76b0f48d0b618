import { useFetch } from "../worker/source/fetch.js";
import type { Fetch } from "../worker/source/fetch.js";
import { readLinked } from "../worker/source/response.js";

/** As many as `fetch` follows by itself. */
const MOST = 20;

/**
 * Follows redirects one by one: a hub says the file's SHA-256 and size in the headers of the redirect to its storage, which
 * `fetch` does not show.
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

/** For the thread that fetches models. */
export function seeRedirects(): void {
  useFetch(followRedirects);
}
