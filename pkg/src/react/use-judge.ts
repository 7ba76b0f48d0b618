import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { ModelSource } from "../types/index.js";
import { IDLE, join, keyOf, loadOf, LOADING } from "./shared.js";
import type { JudgeState, UseJudgeOptions } from "./shared.js";

export type { JudgeState } from "./shared.js";

/** The result of {@link useJudge}, discriminated by `state`. */
export type UseJudge = JudgeState & {
  /** Loads again after an error. */
  retry: () => void;
};

const nothing = () => undefined;

/**
 * A judge while the component is mounted. Components with the same model and options share one load and one judge, which is
 * disposed of after the last of them is unmounted. Another model or other options start a new load.
 *
 * @param model the model for `Judge.load`; `undefined` or `null` for none yet. `File`s and `ArrayBuffer`s are compared by
 * identity, so keep them in a state.
 */
export function useJudge(model: ModelSource | null | undefined, options: UseJudgeOptions = {}): UseJudge {
  const key = model === null || model === undefined ? undefined : keyOf(model, options);
  const subscribe = useCallback(
    (listener: () => void) =>
      key === undefined || model === null || model === undefined ? nothing : join(key, model, options, listener),
    // Depend on the key: the model and the options may be new objects at every render.
    [key],
  );
  // A render may be discarded, so the load starts only when the component is mounted.
  const waiting = key === undefined ? IDLE : LOADING;
  const current = () => (key === undefined ? undefined : loadOf(key)?.state) ?? waiting;
  const state = useSyncExternalStore(subscribe, current, () => waiting);
  const retry = useCallback(() => {
    if (key !== undefined) loadOf(key)?.retry();
  }, [key]);
  return useMemo(() => ({ ...state, retry }), [state, retry]);
}
