const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = (n: number): string => whole.format(n);
export const about = (n: number): string => compact.format(n);

/** Decimal units, as download sizes are told everywhere. */
export function bytes(n: number): string {
  if (n < 1e6) return `${whole.format(Math.round(n / 1e3))} kB`;
  return n < 1e9 ? `${whole.format(Math.round(n / 1e6))} MB` : `${(n / 1e9).toFixed(2)} GB`;
}

/** One decimal, and never a 0 or a 100 that is not one. */
export function percent(p: number): string {
  if (p > 0 && p < 0.0005) return "<0.1%";
  if (p < 1 && p >= 0.9995) return ">99.9%";
  return `${(100 * p).toFixed(1)}%`;
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
export const rate = (n: number, ms: number): string => `${Math.round((1000 * n) / Math.max(ms, 1))} tokens a second`;
