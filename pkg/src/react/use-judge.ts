import { useCallback, useMemo, useSyncExternalStore } from "react";
import type { ModelSource } from "../types.js";
import { IDLE, keyOf, LOADING, sharedJudge } from "./shared.js";
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
 * @param model what {@link Judge.load} takes; `undefined` or `null`: nothing yet. A `File` or `ArrayBuffer` is told by its
 * identity, so keep it in a state.
 */
export function useJudge(model: ModelSource | null | undefined, options: UseJudgeOptions = {}): UseJudge {
  const key = model === null || model === undefined ? undefined : keyOf(model, options);
  const entry = useCallback(
    () => (key === undefined || model === null || model === undefined ? undefined : sharedJudge(key, model, options)),
    // The key says all that there is to the model and the options, which may be new objects with every rendering.
    [key],
  );
  const state = useSyncExternalStore(
    useCallback((listener: () => void) => entry()?.subscribe(listener) ?? nothing, [entry]),
    () => entry()?.state ?? IDLE,
    () => (key === undefined ? IDLE : LOADING),
  );
  const retry = useCallback(() => entry()?.retry(), [entry]);
  return useMemo(() => ({ ...state, retry }), [state, retry]);
}
