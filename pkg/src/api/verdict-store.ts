import { LunetteError } from "../wire/errors.js";
import type { Journal, KeptVerdict, RowError } from "../types/index.js";

/** A verdict, or the error in its place, as a journal keeps it. */
export type Stored = { verdict: KeptVerdict; error?: never } | { error: RowError; verdict?: never };

/** A verdict as it was kept, and whether it was reached just now. */
export interface Found {
  stored: Stored;
  fresh: boolean;
}

/** Verdicts under their hashes. Equal rows that run together are judged once. */
export class VerdictStore {
  readonly #running = new Map<string, Promise<string>>();

  constructor(private readonly journal: Journal | undefined) {}

  /** The verdict that is kept under `hash`, else the one that `reach` gives, once it is kept. */
  async find(hash: string, reach: () => Promise<Stored>): Promise<Found> {
    const running = this.#running.get(hash);
    if (running !== undefined) return { stored: parse(await running, hash), fresh: false };
    let fresh = false;
    const turn = (async () => {
      const kept = await this.journal?.get(hash);
      if (kept !== undefined) return kept;
      fresh = true;
      const text = JSON.stringify(await reach());
      await this.journal?.put(hash, text);
      return text;
    })();
    this.#running.set(hash, turn);
    try {
      // What a later run will read, so that both give the same.
      return { stored: parse(await turn, hash), fresh };
    } finally {
      this.#running.delete(hash);
    }
  }
}

function parse(text: string, hash: string): Stored {
  try {
    const stored = JSON.parse(text) as Stored;
    if (typeof (stored.verdict ?? stored.error) === "object") return stored;
  } catch {
    // Said below.
  }
  throw new LunetteError(
    "invalid-argument",
    `What spec.journal has under ${hash} is no verdict: its \`get\` must give the text that its \`put\` was given.`,
  );
}
