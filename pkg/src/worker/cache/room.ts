import { LunetteError } from "../../wire/errors.js";
import type { Store } from "./store.js";

/** A number of bytes, as people read it. */
export function inUnits(bytes: number): string {
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

/**
 * Checks that there is room in the storage, before the download.
 *
 * @throws {LunetteError} `quota`.
 */
export async function requireRoom(store: Store, need: number): Promise<void> {
  const space = await store.space();
  if (space === undefined) return;
  const free = Math.max(0, space.quota - space.usage);
  if (need > free) throw new LunetteError("quota", tooLittle(need, free));
}

export function tooLittle(need: number, free: number): string {
  return (
    `The model needs ${inUnits(need)} of storage, but there are only ${inUnits(free)} left for this site: ` +
    `${inUnits(need - free)} are missing. Free them (Models.list and Models.delete show and remove what is kept, and the ` +
    "disk may need space itself), or load with `cache: false`, which keeps nothing."
  );
}
