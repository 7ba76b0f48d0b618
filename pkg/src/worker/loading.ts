import type { Arrival } from "./arrival.js";
import { tooLittle } from "./cache/room.js";
import type { Storage } from "./cache/store.js";
import type { CallControl } from "./control.js";
import { codeOf, LunetteError } from "../wire/errors.js";
import type { Meter } from "./meter.js";
import type { WireSource } from "../wire/protocol.js";
import { StartOver } from "./source/part.js";
import type { LoadPlan } from "../types/index.js";
import type { WasmEngine, WasmLoadPlan } from "../wire/wasm-contract.js";

/** Attempts at a load whose file changes while it is read, or whose cached copy is damaged. */
const STARTS = 3;

/** Runs `work` on a model. Starts over when the bytes that were read turn out to be wrong. */
export async function arrive<T extends object>(
  arrival: Arrival,
  control: CallControl,
  meter: Meter,
  work: () => Promise<T>,
): Promise<T> {
  for (let start = 1; ; start += 1) {
    let result: T | undefined;
    try {
      await arrival.begin(control.signal);
      result = await work();
      await arrival.verify();
      if (control.aborted) throw new LunetteError("aborted", "The load was aborted.");
      return result;
    } catch (error) {
      if (result !== undefined && "free" in result) (result as unknown as WasmEngine).free();
      // Rust passes on the message of a failed read. The original error also has its cause.
      const failure: unknown = control.aborted ? error : (arrival.failure ?? error);
      await arrival.end();
      if (!(failure instanceof StartOver)) {
        if (isUseless(failure)) await arrival.discard();
        throw failure;
      }
      if (start === STARTS)
        throw new LunetteError("source", `${failure.message} The load was given up after ${STARTS} attempts.`, {
          cause: failure,
        });
      meter.note("start", failure.message);
      if (failure.uncached) arrival.giveUpStorage();
    } finally {
      await arrival.end();
    }
  }
}

/** Whether the file itself is unusable, so that caching it makes no sense. */
function isUseless(error: unknown): boolean {
  const code = codeOf(error) ?? "";
  return ["invalid-file", "truncated", "invalid-model"].includes(code) || code.startsWith("unsupported-");
}

/** Adds to a plan what the engine does not know: the bytes to download, and the storage for them. */
export async function completePlan(
  { cached, ...plan }: WasmLoadPlan & { cached: number },
  source: WireSource,
  storage: Storage | undefined,
): Promise<LoadPlan> {
  const space = storage !== undefined && "store" in storage ? await storage.store.space() : undefined;
  const free = space === undefined ? undefined : Math.max(0, space.quota - space.usage);
  const bytes = source.kind === "url" ? plan.model.bytes - cached : 0;
  const license = plan.model.license ?? (source.kind === "url" ? source.license : undefined);
  const reasons = [...plan.reasons];
  if (free !== undefined && bytes > free) reasons.push(tooLittle(bytes, free));
  if (storage !== undefined && "missing" in storage) reasons.push(`The model cannot be kept: ${storage.missing}.`);
  return {
    ...plan,
    model: license === undefined ? plan.model : { ...plan.model, license },
    download: { bytes, cached },
    storage: {
      available: storage === undefined || "store" in storage,
      ...space,
      ...(free === undefined ? {} : { free }),
    },
    reasons,
  };
}
