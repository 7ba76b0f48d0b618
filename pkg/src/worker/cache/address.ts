import { hex, sha256 } from "./digest.js";

/** The scheme of models that came into the cache without an address of their own. */
export const CACHE_SCHEME = "lunette-cache:";

/** Query parameters that sign an address, and change from one visit to the next while the file stays the same. */
const SIGNATURE =
  /^(?:x-(?:amz|goog)-.*|signature|expires|policy|key-pair-id|awsaccesskeyid|googleaccessid|token|access_token)$/i;
/** Those of Azure are short words, and mean this only beside their `sig`. */
const SHARED_ACCESS = /^(?:sig|sv|sr|se|st|sp|spr|ske|skoid|sks|skt|sktid|skv)$/i;

/** An address without its fragment and without what signs it: secrets are not written to the disk. */
export function plainUrl(address: string): string {
  const url = new URL(address);
  url.hash = "";
  const shared = url.searchParams.has("sig");
  const signs = (name: string) => SIGNATURE.test(name) || (shared && SHARED_ACCESS.test(name));
  // Only a query that holds such a thing is written anew: that may escape its characters in another way.
  const names = [...url.searchParams.keys()].filter(signs);
  for (const name of names) url.searchParams.delete(name);
  return url.href;
}

/** What a model is called in the cache: by the address of its first part. */
export async function modelKey(address: string): Promise<string> {
  return hex(await sha256(new TextEncoder().encode(plainUrl(address)))).slice(0, 32);
}

/** The last part of an address, for people. */
export function fileName(address: string): string {
  const name = new URL(address).pathname.split("/").pop() ?? "";
  try {
    return decodeURIComponent(name) || address;
  } catch {
    return name;
  }
}
