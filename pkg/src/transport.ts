import type { Transport } from "./client.js";
import { LunetteError } from "./errors.js";
import type { Reply } from "./protocol.js";

/** Starts the engine's worker. */
export function openWorker(): Transport {
  let worker: Worker;
  try {
    // Bundlers look for exactly this expression to find the file and build it.
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "lunette" });
  } catch (cause) {
    throw unavailable(cause);
  }
  return {
    send: (request) => worker.postMessage(request),
    listen(onReply, onFailure) {
      let ready = false;
      worker.addEventListener("message", (event: MessageEvent<Reply>) => {
        ready = true;
        onReply(event.data);
      });
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        onFailure(ready ? crashed(event.message) : unavailable(event.message));
      });
      worker.addEventListener("messageerror", () => {
        onFailure(crashed("a message could not be read"));
      });
    },
    close: () => worker.terminate(),
  };
}

function unavailable(cause: unknown): LunetteError {
  return new LunetteError(
    "engine-unavailable",
    "The engine's worker could not be started. Check that worker.js is served from the page's own origin and that its " +
      "Content-Security-Policy allows it (worker-src), or load with { worker: false }.",
    { cause },
  );
}

function crashed(what: string): LunetteError {
  return new LunetteError("internal", `The engine's worker stopped (${what}). Load the model again; please report it.`);
}
