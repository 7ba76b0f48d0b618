/** The retry policy of downloads: exponential backoff with jitter. */
export interface RetryPolicy {
  /** Attempts in a row without a byte, before the download fails. */
  attempts: number;
  /** The delay before the second attempt. It doubles with each further one. */
  firstDelayMs: number;
  longestDelayMs: number;
  /** The longest delay that a server's Retry-After can ask for. */
  longestRetryAfterMs: number;
  /** A connection without a byte for this long counts as broken. */
  stallMs: number;
}

export const RETRY_POLICY: RetryPolicy = {
  attempts: 6,
  firstDelayMs: 500,
  longestDelayMs: 15_000,
  longestRetryAfterMs: 60_000,
  stallMs: 30_000,
};

/**
 * The delay before the next attempt, after `failures` failures. Jitter spreads the visitors of a page, so that they do not
 * all return to a restarted server at once.
 */
export function delayMs(retry: RetryPolicy, failures: number, retryAfterMs = 0, random = Math.random()): number {
  const doubled = retry.firstDelayMs * 2 ** (failures - 1);
  const delay = Math.min(doubled, retry.longestDelayMs) * (0.5 + random / 2);
  return Math.max(delay, Math.min(retryAfterMs, retry.longestRetryAfterMs));
}

/** The header `Retry-After`: seconds, or a date. */
export function retryAfterMs(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now;
  return Number.isFinite(ms) && ms > 0 ? ms : 0;
}

/** Resolves after a while; rejects at once when the signal is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
