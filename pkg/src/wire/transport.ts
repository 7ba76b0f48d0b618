import type { Transport } from "./client.js";
import { LunetteError } from "./errors.js";
import type { Reply } from "./protocol.js";

/** A transport over the worker that `make` starts. */
export function openWorker(make: () => Worker): Transport {
  let worker: Worker;
  try {
    worker = make();
  } catch (cause) {
    throw unavailable("worker", cause);
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
        onFailure(ready ? crashed(event.message) : unavailable("worker"));
      });
      worker.addEventListener("messageerror", () => {
        onFailure(crashed("a message could not be read"));
      });
    },
    close: () => worker.terminate(),
  };
}

/** The error for a script that did not load. Browsers do not say why, so the message lists the likeliest reasons. */
export function unavailable(what: "worker" | "code", cause?: unknown): LunetteError {
  const policy =
    what === "worker" ? "worker-src, script-src; under Trusted Types, start it with `options.worker`" : "script-src";
  return new LunetteError(
    "engine-unavailable",
    `The engine's ${what} could not be started. Check that all files of the package are served, from the page's own ` +
      `origin, and that the page's Content-Security-Policy allows them (${policy}).`,
    cause === undefined ? {} : { cause },
  );
}

export function crashed(what: string): LunetteError {
  return new LunetteError("internal", `The engine's worker stopped (${what}). Load the model again; please report it.`);
}
