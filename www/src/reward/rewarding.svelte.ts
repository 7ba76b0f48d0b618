import type { Judge, RewardVerdict } from "lunette";
import { faultOf, isAbort, isFatal } from "../data/faults";
import type { Fault } from "../data/faults";
import type { JudgeState } from "../state/judge.svelte";

/** A response with its reward, as it was when it was read. */
export interface Read {
  response: string;
  verdict: RewardVerdict;
}

/** Time in milliseconds without a key, after which a text that is being typed is read. */
const PAUSE = 350;

/** The reward tab: an instruction, one or two responses, and what the reward model says of them. */
export class Rewarding {
  input = $state(
    "A shop sells pens at 3 euros each. Ana buys 4 pens and pays with a 20 euro note. How much change does she get?",
  );
  responses = $state([
    "The pens cost 4 * 3 = 12 euros.\nShe gets 20 - 12 = 8 euros back.\nA: 8",
    "The pens cost 4 + 3 = 7 euros.\nShe gets 20 - 7 = 13 euros back.\nA: 13",
  ]);
  /** The goal's name; empty for all goals. */
  goal = $state("");
  threshold = $state(0);
  /** Whether texts are read while they are typed. */
  live = $state(true);
  read = $state.raw<Read[]>([]);
  reading = $state(false);
  fault = $state.raw<Fault>();
  status = $state("");

  #control: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly judge: JudgeState) {}

  /** Reads soon, unless something changes again before that. */
  soon(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.now(), PAUSE);
  }

  /** Reads the texts as they are. What is being read is given up. */
  async now(): Promise<void> {
    clearTimeout(this.#timer);
    this.#control?.abort();
    const judge = this.judge.current;
    if (judge === undefined || judge.info.goals.length === 0) return;
    const control = new AbortController();
    this.#control = control;
    this.reading = true;
    this.fault = undefined;
    try {
      this.read = await this.#rewards(judge, control.signal);
      this.status = this.#told();
    } catch (error) {
      if (isAbort(error)) return;
      this.fault = faultOf(error);
      this.status = "The responses could not be read.";
      if (isFatal(error)) await this.judge.dismiss();
    } finally {
      // A newer reading may be under way.
      if (this.#control === control) this.reading = false;
    }
  }

  async #rewards(judge: Judge, signal: AbortSignal): Promise<Read[]> {
    const { input, goal, threshold } = this;
    const responses = $state.snapshot(this.responses);
    const chosen = judge.info.goals.includes(goal) ? { goal } : {};
    const { rewards } = await judge.rerank({ input, responses }, { ...chosen, threshold, signal });
    return rewards.map((verdict, i) => ({ verdict, response: responses[i] ?? "" }));
  }

  #told(): string {
    const [a, b] = this.read.map(({ verdict }) => verdict.reward);
    if (a === undefined) return "";
    if (b === undefined) return `The reward is ${a.toFixed(2)}.`;
    if (a === b) return "Both responses have the same reward.";
    return `Response ${a > b ? "A" : "B"} has the higher reward, ${Math.max(a, b).toFixed(2)} against ${Math.min(a, b).toFixed(2)}.`;
  }
}

const known = new WeakMap<JudgeState, Rewarding>();

/** The tab's state, which outlives the tab. */
export function rewardingOf(judge: JudgeState): Rewarding {
  const found = known.get(judge) ?? new Rewarding(judge);
  known.set(judge, found);
  return found;
}
