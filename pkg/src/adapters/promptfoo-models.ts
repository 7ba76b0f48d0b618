import { loadOptions } from "../wire/inputs.js";
import { Judge } from "../api/judge.js";
import type { LoadOptions } from "../types/index.js";

/** The load options that a YAML file can have. */
export type LoadSettings = Omit<LoadOptions, "onProgress" | "onRecovery" | "signal">;

interface Entry {
  judge: Promise<Judge>;
  /** Number of providers that will release the model. */
  users: number;
}

/** The loaded models. Providers and assertions share them. */
const entries = new Map<string, Entry>();

/** The judge for a model. It lives until the process ends, or until all that retain it have released it. */
export async function judgeFor(model: string, load: LoadSettings): Promise<Judge> {
  return entryFor(model, load).judge;
}

export function retain(model: string, load: LoadSettings): Promise<Judge> {
  const entry = entryFor(model, load);
  entry.users += 1;
  return entry.judge;
}

export async function release(model: string, load: LoadSettings): Promise<void> {
  const key = keyOf(model, load);
  const entry = entries.get(key);
  if (entry === undefined) return;
  entry.users -= 1;
  if (entry.users > 0) return;
  entries.delete(key);
  const judge = await entry.judge.catch(() => undefined);
  await judge?.dispose();
}

function entryFor(model: string, load: LoadSettings): Entry {
  const key = keyOf(model, load);
  const known = entries.get(key);
  if (known !== undefined) return known;
  const entry: Entry = { judge: Judge.load(model, loadOptions(load, "config.load")), users: 0 };
  entries.set(key, entry);
  entry.judge.catch(() => {
    // A later call tries again.
    if (entries.get(key) === entry) entries.delete(key);
  });
  return entry;
}

function keyOf(model: string, load: LoadSettings): string {
  return JSON.stringify([model, Object.entries(load).sort(([a], [b]) => (a < b ? -1 : 1))]);
}
