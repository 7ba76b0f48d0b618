import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { ModelSource } from "../types/index.js";
import { IDLE, join, keyOf, loadOf, LOADING } from "./shared.js";
import type { JudgeState, UseJudgeOptions } from "./shared.js";

export type { JudgeState } from "./shared.js";

/** What {@link useJudge} returns. Tell its states apart by `state`. */
export type UseJudge = JudgeState & {
  /** Loads again after an error. */
  retry: () => void;
};

const nothing = () => undefined;

/**
 * A judge for as long as the component is mounted. Components that name the same model with the same options share one load
 * and one judge, which is disposed of after the last of them is gone; another model or other options load anew.
 *
 * @param model what `Judge.load` takes; `undefined` or `null`: nothing yet. A `File` or `ArrayBuffer` is told by its
 * identity, so keep it in a state.
 */
export function useJudge(model: ModelSource | null | undefined, options: UseJudgeOptions = {}): UseJudge {
  const key = model === null || model === undefined ? undefined : keyOf(model, options);
  const subscribe = useCallback(
    (listener: () => void) =>
      key === undefined || model === null || model === undefined ? nothing : join(key, model, options, listener),
    // The key says all that there is to the model and the options, which may be new objects with every rendering.
    [key],
  );
  // A rendering that is thrown away must leave nothing behind: the load begins when the component is there.
  const waiting = key === undefined ? IDLE : LOADING;
  const current = () => (key === undefined ? undefined : loadOf(key)?.state) ?? waiting;
  const state = useSyncExternalStore(subscribe, current, () => waiting);
  const retry = useCallback(() => {
    if (key !== undefined) loadOf(key)?.retry();
  }, [key]);
  return useMemo(() => ({ ...state, retry }), [state, retry]);
}
