/** A request of this page or of its judge's worker. */
export interface Seen {
  url: string;
  method: string;
  /** The source of the response: only `network` leaves this machine. The service worker blocks requests other than GET and HEAD. */
  answered: "network" | "kept" | "refused";
  /** Time in milliseconds since the page was opened. */
  at: number;
}

/**
 * Every request since the page was opened, and the number of requests after the judge was loaded. The service worker sees the
 * requests of the page and of the judge's worker. Until it runs, the browser's resource timing is used.
 */
class Requests {
  seen = $state.raw<Seen[]>([]);
  /** Whether the service worker runs. */
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

    // Service workers need a secure context.
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

  /** Starts counting: from now on, with the judge loaded, the page must not send requests. */
  mark(): void {
    this.#from = performance.now();
  }

  #add(more: Seen[]): void {
    this.seen = [...this.seen, ...more];
  }
}

/** A request in a message of the service worker. `at` is in milliseconds since the epoch. */
interface Sighting extends Seen {
  type: "request";
}

function isSighting(data: unknown): data is Sighting {
  return typeof data === "object" && data !== null && "type" in data && data.type === "request";
}

export const requests = new Requests();
