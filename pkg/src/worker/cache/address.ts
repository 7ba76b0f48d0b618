import { hex, sha256 } from "./digest.js";

/** The scheme of models that were imported into the cache without an address. */
export const CACHE_SCHEME = "lunette-cache:";

/** Query parameters that sign an address. They change from visit to visit, while the file stays the same. */
const SIGNATURE =
  /^(?:x-(?:amz|goog)-.*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid|token|access_token)$/i;
/** Azure's parameters. They are short words, so they only count beside `sig`. */
const SHARED_ACCESS = /^(?:sig|sv|sr|se|st|sp|spr|ske|skoid|sks|skt|sktid|skv)$/i;

/** An address without its fragment and without its signature: secrets are not written to the disk. */
export function plainUrl(address: string): string {
  const url = new URL(address);
  url.hash = "";
  const shared = url.searchParams.has("sig");
  const signs = (name: string) => SIGNATURE.test(name) || (shared && SHARED_ACCESS.test(name));
  // Change the query only where it holds a signature: a rewrite may escape characters in another way.
  const names = [...url.searchParams.keys()].filter(signs);
  for (const name of names) url.searchParams.delete(name);
  return url.href;
}

/** The cache key of a model: the hash of its first part's address. */
export async function modelKey(address: string): Promise<string> {
  return hex(await sha256(new TextEncoder().encode(plainUrl(address)))).slice(0, 32);
}

/** The file name in an address, for people. */
export function fileName(address: string): string {
  const name = new URL(address).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(name) || address;
  } catch {
    return name;
  }
}
