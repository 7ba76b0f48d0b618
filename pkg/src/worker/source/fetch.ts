import type { Found } from "./response.js";

/** A response, and what redirects to it said of the file. */
export interface Answer {
  response: Response;
  linked: Found;
}

export type Fetch = (url: string, init: RequestInit) => Promise<Answer>;

let current: Fetch = async (url, init) => ({ response: await fetch(url, init), linked: {} });

/** Fetches a file. A browser follows redirects by itself and hides their headers. */
export const fetchFile: Fetch = (url, init) => current(url, init);

/** Replaces the implementation, where redirects can be seen. Must be called before the first download. */
export function useFetch(other: Fetch): void {
  current = other;
}
