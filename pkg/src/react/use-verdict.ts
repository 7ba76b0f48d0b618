import { useCallback, useEffect, useRef, useState } from "react";
import { LunetteError } from "../wire/errors.js";
import type { Judge } from "../api/judge.js";
import type {
  ClassifyTask,
  ClassVerdict,
  CompareOptions,
  CompareTask,
  JudgeOptions,
  PreferenceVerdict,
  ScoreTask,
  ScoreVerdict,
  TokenPlace,
} from "../types/index.js";
import { asError, refuse } from "./shared.js";

/** The tasks, with their verdicts. */
export interface VerdictTasks {
  score: { task: ScoreTask; options: JudgeOptions; verdict: ScoreVerdict };
  classify: { task: ClassifyTask; options: JudgeOptions; verdict: ClassVerdict };
  compare: { task: CompareTask; options: CompareOptions; verdict: PreferenceVerdict };
}

/** The kinds of tasks that the hook supports. */
export type VerdictKind = keyof VerdictTasks;

/** The state of a verdict. */
export interface VerdictState<K extends VerdictKind> {
  state: "idle" | "running" | "done" | "error" | "canceled";
  /** What the judge thought so far, where it does. */
  thinking: string;
  /** The critique so far. */
  critique: string;
  /** Set when `state` is `"done"`. */
  verdict: VerdictTasks[K]["verdict"] | undefined;
  /** Set when `state` is `"error"`. */
  error: LunetteError | undefined;
}

/** The result of {@link useVerdict}. */
export interface UseVerdict<K extends VerdictKind> extends VerdictState<K> {
  /**
   * Judges a task, and cancels a task that still runs. Resolves to the verdict, or to `undefined` on failure; the state then
   * has the reason. Never rejects.
   */
  run: (
    task: VerdictTasks[K]["task"],
    options?: Omit<VerdictTasks[K]["options"], "onToken" | "signal">,
  ) => Promise<VerdictTasks[K]["verdict"] | undefined>;
  /** Cancels the running task. */
  cancel: () => void;
}

const IDLE = { state: "idle", thinking: "", critique: "", verdict: undefined, error: undefined } as const;

/**
 * One verdict at a time, with its critique as it is written. It is canceled when the component is unmounted or gets another
 * judge.
 *
 * @param judge the judge from {@link useJudge}; `undefined` while there is none.
 * @param kind the kind of task. Default `"score"`.
 */
export function useVerdict<K extends VerdictKind = "score">(
  judge: Judge | undefined,
  kind: K = "score" as K,
): UseVerdict<K> {
  const [state, setState] = useState<VerdictState<K>>(IDLE);
  const running = useRef<AbortController | undefined>(undefined);

  const cancel = useCallback(() => running.current?.abort(), []);
  useEffect(() => cancel, [judge, kind, cancel]);

  const run = useCallback<UseVerdict<K>["run"]>(
    async (task, options) => {
      running.current?.abort();
      const stopping = new AbortController();
      running.current = stopping;
      const become = (next: VerdictState<K>) => {
        if (running.current === stopping) setState(next);
      };
      const written = { thinking: "", critique: "" };
      const onToken = (text: string, { part }: TokenPlace) => {
        written[part] += text;
        become({ ...IDLE, ...written, state: "running" });
      };
      become({ ...IDLE, state: "running" });
      try {
        refuse(options ?? {}, "onToken", "signal");
        const watched = { ...options, onToken, signal: stopping.signal } as CompareOptions & JudgeOptions;
        const verdict = await judgeTask(judge, kind, task, watched);
        become({ ...IDLE, ...written, state: "done", verdict });
        return verdict;
      } catch (error) {
        if (stopping.signal.aborted) become({ ...IDLE, ...written, state: "canceled" });
        else become({ ...IDLE, ...written, state: "error", error: asError(error) });
        return undefined;
      }
    },
    [judge, kind],
  );
  return { ...state, run, cancel };
}

function judgeTask<K extends VerdictKind>(
  judge: Judge | undefined,
  kind: K,
  task: VerdictTasks[K]["task"],
  options: CompareOptions & JudgeOptions,
): Promise<VerdictTasks[K]["verdict"]> {
  if (judge === undefined) {
    throw new LunetteError("invalid-argument", "There is no judge yet. Wait until useJudge says that it is ready.");
  }
  const judged: { [kind in VerdictKind]: (task: never) => Promise<VerdictTasks[kind]["verdict"]> } = {
    score: (task: ScoreTask) => judge.score(task, options),
    classify: (task: ClassifyTask) => judge.classify(task, options),
    compare: (task: CompareTask) => judge.compare(task, options),
  };
  return judged[kind](task as never);
}
