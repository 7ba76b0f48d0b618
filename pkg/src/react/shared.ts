import { codeOf, LunetteError } from "../wire/errors.js";
import { Judge } from "../api/judge.js";
import type { LoadOptions, ModelSource, Progress } from "../types/index.js";

/** Load options without those that the hook sets: it reports progress, and cancels a load that nobody uses. */
export type UseJudgeOptions = Omit<LoadOptions, "onProgress" | "onRecovery" | "signal">;

/** The state of a judge. */
export type JudgeState =
  /** No model is given. */
  | { state: "idle"; judge: undefined; progress: undefined; error: undefined }
  | { state: "loading"; judge: undefined; progress: Progress | undefined; error: undefined }
  | { state: "ready"; judge: Judge; progress: Progress | undefined; error: undefined }
  | { state: "error"; judge: undefined; progress: undefined; error: LunetteError };

export const IDLE = { state: "idle", judge: undefined, progress: undefined, error: undefined } as const;
export const LOADING = { state: "loading", judge: undefined, progress: undefined, error: undefined } as const;

/** A load that all components with the same model share. It ends after the last of them. */
class SharedJudge {
  state: JudgeState = LOADING;
  readonly #listeners = new Set<() => void>();
  #loading: AbortController | undefined;
  #leaving: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly model: ModelSource,
    private readonly options: UseJudgeOptions,
    private readonly onLeft: () => void,
  ) {}

  subscribe(listener: () => void): () => void {
    clearTimeout(this.#leaving);
    this.#listeners.add(listener);
    if (this.#loading === undefined) void this.#load();
    return () => {
      this.#listeners.delete(listener);
      // Do not end it at once: StrictMode and page changes unmount and mount again immediately.
      if (this.#listeners.size === 0) this.#leaving = setTimeout(() => this.#leave());
    };
  }

  /** Loads again after an error. */
  retry(): void {
    if (this.state.state === "error" && this.#listeners.size > 0) void this.#load();
  }

  async #load(): Promise<void> {
    const loading = new AbortController();
    this.#loading = loading;
    this.#become(LOADING);
    const onProgress = (progress: Progress) => {
      if (this.#loading === loading) this.#become({ ...LOADING, progress });
    };
    try {
      refuse(this.options, "onProgress", "onRecovery", "signal");
      const judge = await Judge.load(this.model, { ...this.options, onProgress, signal: loading.signal });
      if (loading.signal.aborted) await judge.dispose();
      else this.#become({ state: "ready", judge, progress: this.state.progress, error: undefined });
    } catch (error) {
      if (!loading.signal.aborted)
        this.#become({ state: "error", judge: undefined, progress: undefined, error: asError(error) });
    }
  }

  #leave(): void {
    this.onLeft();
    this.#loading?.abort();
    void this.state.judge?.dispose();
  }

  #become(state: JudgeState): void {
    this.state = state;
    for (const listener of this.#listeners) listener();
  }
}

const shared = new Map<string, SharedJudge>();

/** The load of a key, if it has subscribers. */
export function loadOf(key: string): SharedJudge | undefined {
  return shared.get(key);
}

/** Joins the load of a model, or starts it. Returns a function that leaves it. */
export function join(key: string, model: ModelSource, options: UseJudgeOptions, listener: () => void): () => void {
  const joined = shared.get(key) ?? new SharedJudge(model, options, () => shared.delete(key));
  shared.set(key, joined);
  return joined.subscribe(listener);
}

/** A key that is equal for equal models and options, even in different objects. */
export function keyOf(model: ModelSource, options: UseJudgeOptions): string {
  const settings = Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([partKey(model), settings]);
}

function partKey(part: unknown): unknown {
  if (part instanceof URL) return part.href;
  if (typeof part !== "object" || part === null) return part;
  if (Array.isArray(part)) return part.map(partKey);
  if ("url" in part) return Object.entries(part).map(([key, value]: [string, unknown]) => [key, partKey(value)]);
  return `bytes ${identity(part)}`;
}

const identities = new WeakMap<object, number>();
let known = 0;

/** Files and buffers are compared by identity, because comparing their bytes would take too long. */
function identity(bytes: object): number {
  const id = identities.get(bytes) ?? ++known;
  identities.set(bytes, id);
  return id;
}

/** Refuses options that a hook sets itself. */
export function refuse(options: object, ...names: string[]): void {
  const given = new Map(Object.entries(options));
  const name = names.find((name) => given.get(name) !== undefined);
  if (name === undefined) return;
  throw new LunetteError("invalid-argument", `options.${name} is not supported: the hook returns what it is for.`);
}

export function asError(error: unknown): LunetteError {
  if (error instanceof LunetteError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LunetteError(codeOf(error) ?? "internal", message, { cause: error });
}
