interface Scope {
  navigator?: { storage?: Partial<Pick<StorageManager, "persist" | "persisted">> };
}

let asked: Promise<boolean> | undefined;

/** Asks, once, for storage that the browser does not evict. Some browsers then ask the user. */
export function askToPersist(): Promise<boolean> {
  asked ??= ask();
  return asked;
}

async function ask(): Promise<boolean> {
  // Only a page can ask, not a worker. Outside a browser nothing is evicted.
  const { storage } = (globalThis as Scope).navigator ?? {};
  try {
    return (await storage?.persisted?.()) === true || (await storage?.persist?.()) === true;
  } catch {
    return false;
  }
}
