import type { Found } from "./response.js";

/** An answer, and what a redirect on the way to it said of the file. */
export interface Answer {
  response: Response;
  linked: Found;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Answer>;

let current: Fetch = async (url, init) => ({ response: await fetch(url, init), linked: {} });

/** Fetches a file. A browser follows redirects by itself and hides their headers. */
export const fetchFile: Fetch = (url, init) => current(url, init);

/** Called where redirects can be seen, before anything is fetched. */
export function useFetch(other: Fetch): void {
  current = other;
}
