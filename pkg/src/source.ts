import { wrong } from "./check.js";
import { LunetteError } from "./errors.js";
import { modelRef } from "./inputs.js";
import { platform } from "./platform.js";
import type { WireSource } from "./protocol.js";
import type { ModelSource } from "./types.js";

/** Turns what the caller passed into something that can be posted to a worker, whose base address is not the page's. */
export function describeSource(model: ModelSource): WireSource {
  if (typeof model === "string" || model instanceof URL) return { kind: "url", url: absolute(model) };
  if (model instanceof Blob) return { kind: "blob", blob: model };
  if (Object.prototype.toString.call(model) === "[object ArrayBuffer]") {
    return { kind: "blob", blob: new Blob([model as ArrayBuffer]) };
  }
  const other: unknown = model;
  if (typeof other !== "object" || other === null || !("url" in other)) {
    throw wrong("model", "a URL, a File, a Blob, an ArrayBuffer or an object with a url", other);
  }
  const { url, ...rest } = modelRef(other, "model");
  return { kind: "url", url: absolute(url), ...rest };
}

function absolute(url: string | URL): string {
  try {
    return (typeof url === "string" ? platform().locate(url) : url).href;
  } catch (cause) {
    throw new LunetteError("invalid-argument", `${JSON.stringify(String(url))} is not the URL of a model.`, { cause });
  }
}
