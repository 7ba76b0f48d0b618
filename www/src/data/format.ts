const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
export const about = (n: number): string => compact.format(n);

const names = new Intl.DisplayNames("en", { type: "language" });

/** The name of a language, by its BCP 47 tag. */
export const languageName = (code: string): string => names.of(code) ?? code;

/** Bytes in decimal units, as download sizes usually are. */
export function bytes(n: number): string {
  if (n < 1e6) return `${whole.format(Math.round(n / 1e3))} kB`;
  return n < 1e9 ? `${whole.format(Math.round(n / 1e6))} MB` : `${(n / 1e9).toFixed(2)} GB`;
}

/** A percentage with one decimal. Only exact values are shown as 0 or 100. */
export function percent(p: number): string {
  if (p > 0 && p < 0.0005) return "<0.1%";
  if (p < 1 && p >= 0.9995) return ">99.9%";
  return `${(100 * p).toFixed(1)}%`;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
export const rate = (n: number, ms: number): string => `${Math.round((1000 * n) / Math.max(ms, 1))} tokens a second`;

/**
 * A probability normalized over the rubric, as in the expected score. Probability outside of the rubric says nothing about
 * the case.
 */
export const within = (p: number, outside: number): number => (outside < 1 ? Math.min(p / (1 - outside), 1) : 0);

/**
 * Whether a verdict stands on less than half of the probability. What is outside of the rubric counts against it. Such a
 * verdict must not look like a sure one.
 */
export const unsure = (p: number): boolean => p < 0.5;

const days = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });
export const day = (at: number): string => days.format(at);

/** An approximate duration, in the largest unit that is precise enough. */
export function duration(ms: number): string {
  const s = Math.ceil(ms / 1000);
  if (s < 90) return `${s} s`;
  const minutes = Math.round(s / 60);
  return minutes < 90 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`;
}
