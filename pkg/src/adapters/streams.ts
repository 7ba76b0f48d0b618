/** A controller that also follows a signal, until it is released. */
export function linked(signal: AbortSignal | undefined): { controller: AbortController; release: () => void } {
  const controller = new AbortController();
  const abort = () => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort);
  return { controller, release: () => signal?.removeEventListener("abort", abort) };
}

/**
 * A stream of the items that `produce` gives. It fails if `produce` fails.
 *
 * @param onCancel called when the reader cancels. Later items are dropped.
 */
export function filled<T>(
  produce: (push: (item: T) => void) => Promise<void>,
  onCancel: () => void,
): ReadableStream<T> {
  let canceled = false;
  return new ReadableStream<T>({
    start(stream) {
      const unlessCanceled = (act: () => void) => {
        if (!canceled) act();
      };
      const push = (item: T) => unlessCanceled(() => stream.enqueue(item));
      // The stream is returned at once.
      void produce(push).then(
        () => unlessCanceled(() => stream.close()),
        (error: unknown) => unlessCanceled(() => stream.error(error)),
      );
    },
    cancel() {
      canceled = true;
      onCancel();
    },
  });
}
