/** A request that this page or its judge has made. */
export interface Seen {
  url: string;
  method: string;
  /** From where: only `network` leaves this machine. The service worker refuses what would carry anything away. */
  answered: "network" | "kept" | "refused";
  /** Milliseconds since the page was opened. */
  at: number;
}

/**
 * Every request since the page was opened, and how many of them came after the judge was loaded. The service worker
 * sees those of the page and of the judge's worker. Until there is one, the browser's own list of the page's requests
 * stands in.
 */
class Requests {
  seen = $state.raw<Seen[]>([]);
  /** Whether the service worker watches. */
  watched = $state(false);
  /** Since the judge was loaded; undefined before. */
  readonly since = $derived.by(() => {
    const from = this.#from;
    if (from === undefined) return undefined;
    return this.seen.filter(({ at, answered }) => at > from && answered === "network").length;
  });

  #from = $state<number>();

  start(): void {
    new PerformanceObserver((list) => {
      if (this.watched) return;
      this.#add(
        list
          .getEntries()
          .map(({ name, startTime }) => ({ url: name, method: "GET", answered: "network", at: startTime })),
      );
    }).observe({ type: "resource", buffered: true });

    // No service workers without a secure context.
    const container = (navigator as { serviceWorker?: ServiceWorkerContainer }).serviceWorker;
    if (container === undefined) return;
    const watch = () => (this.watched = container.controller !== null);
    watch();
    container.addEventListener("controllerchange", watch);
    container.addEventListener("message", ({ data }: MessageEvent<unknown>) => {
      if (!isSighting(data)) return;
      const { url, method, answered, at } = data;
      this.#add([{ url, method, answered, at: at - performance.timeOrigin }]);
    });
    container.startMessages();
  }

  /** The judge is loaded: what comes now is what the page must not do. */
  mark(): void {
    this.#from = performance.now();
  }

  #add(more: Seen[]): void {
    this.seen = [...this.seen, ...more];
  }
}

/** As the service worker tells it: `at` is since the epoch. */
interface Sighting extends Seen {
  type: "request";
}

function isSighting(data: unknown): data is Sighting {
  return typeof data === "object" && data !== null && "type" in data && data.type === "request";
}

export const requests = new Requests();
