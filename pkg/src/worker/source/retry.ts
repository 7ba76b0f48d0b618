/** How long a download waits, and how often it tries again. */
export interface RetryPolicy {
  /** Attempts without a single byte in between, after which it gives up. */
  attempts: number;
  /** Before the second attempt; each further one waits twice as long. */
  firstDelayMs: number;
  longestDelayMs: number;
  /** A server may ask for more time than this, but is not given it. */
  longestRetryAfterMs: number;
  /** Without a byte for so long, a connection counts as broken. */
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
 * How long to wait before an attempt, `failures` having gone before it. Jitter keeps the visitors of a page whose server
 * came back from all returning at once.
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
