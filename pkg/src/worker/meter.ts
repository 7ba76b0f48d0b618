import type { Progress } from "../types/index.js";

/** The shortest time between two reports. Chunks may arrive every few hundred microseconds. */
const INTERVAL_MS = 50;
/** The window that a rate is averaged over: short enough to follow the network, long enough to read. */
const WINDOW_MS = 5000;
const SAMPLE_MS = 250;

type Phase = Progress["phase"];

/** Turns events into progress reports: throttled, with a rate, and with notes for the user. */
export class Meter {
  readonly #notes = new Map<string, string>();
  #last: { phase: Phase; at: number; notes: string } | undefined;
  #samples: { at: number; bytes: number }[] = [];
  /** A report that came too soon. A timer sends it, unless a newer one replaces it. */
  #held: { progress: Progress; timer: ReturnType<typeof setTimeout> } | undefined;

  constructor(
    private readonly report: (progress: Progress) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Sets a note for the user, or removes it. There is one note for each `about`. */
  note(about: string, text: string | undefined): void {
    if (text === undefined) this.#notes.delete(about);
    else this.#notes.set(about, text);
  }

  /** Reports the bytes of a phase, with their rate. */
  bytes(phase: Phase, loaded: number, total: number | undefined): void {
    const now = this.now();
    if (this.#last?.phase !== phase) this.#samples = [];
    const rate = this.#rate(loaded, now);
    const progress: Progress = { phase, loaded };
    if (total !== undefined) progress.total = total;
    if (rate !== undefined) {
      progress.rate = rate;
      if (total !== undefined && rate > 0) progress.etaMs = Math.max(0, ((total - loaded) / rate) * 1000);
    }
    this.step(progress);
  }

  step(progress: Progress): void {
    const now = this.now();
    const { phase } = progress;
    const notes = [...this.#notes.values()].join(" ");
    const done = progress.loaded === progress.total || phase === "ready";
    const same = this.#last?.phase === phase && this.#last.notes === notes;
    const wait = (this.#last?.at ?? 0) + INTERVAL_MS - now;
    if (same && !done && wait > 0) {
      if (this.#held === undefined) this.#held = { progress, timer: setTimeout(() => this.#release(), wait) };
      else this.#held.progress = progress;
      return;
    }
    clearTimeout(this.#held?.timer);
    this.#held = undefined;
    this.#last = { phase, at: now, notes };
    this.report(notes === "" ? progress : { ...progress, note: notes });
  }

  #release(): void {
    const progress = this.#held?.progress;
    this.#held = undefined;
    if (progress !== undefined) this.step(progress);
  }

  /** Bytes per second since the oldest sample; `undefined` until there is enough data. */
  #rate(bytes: number, now: number): number | undefined {
    const newest = this.#samples.at(-1);
    if (newest === undefined || now - newest.at >= SAMPLE_MS) this.#samples.push({ at: now, bytes });
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at ?? now) >= WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0];
    if (oldest === undefined || now - oldest.at < SAMPLE_MS) return undefined;
    return Math.max(0, ((bytes - oldest.bytes) / (now - oldest.at)) * 1000);
  }
}
