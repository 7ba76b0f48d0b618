import { wrong } from "../wire/check.js";
import type { Check } from "../wire/check.js";
import { codeOf } from "../wire/errors.js";
import type { Engine } from "../api/engine.js";
import type { Judge } from "../api/judge.js";

/**
 * The engine of a judge or an engine. Checks the shape and not the class, so that an adapter does not import the engine's
 * code: the caller has imported it.
 */
export function engineOf(model: Judge | Engine, where: string): Engine {
  const given: unknown = model;
  if (typeof given === "object" && given !== null) {
    if ("engine" in given) return (model as Judge).engine;
    if ("generate" in given) return model as Engine;
  }
  throw wrong(where, "a Judge or an Engine", given);
}

/** A judge, checked by its shape. */
export const judgeOf: Check<Judge> = (value, where) => {
  if (typeof value === "object" && value !== null && "score" in value && "engine" in value) return value as Judge;
  throw wrong(where, "a Judge", value);
};

/** Names an abort `AbortError`, so that clients do not report it or retry. */
export function nameAbort(error: unknown): unknown {
  if (codeOf(error) === "aborted") (error as Error).name = "AbortError";
  return error;
}
