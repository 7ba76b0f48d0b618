import type { Judge, JudgeOptions, TokenPlace } from "lunette";
import { faultOf, isAbort, isFatal } from "../data/faults";
import type { Fault } from "../data/faults";
import type { JudgeState } from "./judge.svelte";

type OnToken = NonNullable<JudgeOptions["onToken"]>;
type Work<V> = (judge: Judge, watch: { signal: AbortSignal; onToken: OnToken }) => Promise<V>;

/** One judgement in a tab, from the button to the verdict. */
export class Run<V> {
  judging = $state(false);
  /** The thought before the critique so far, of judges that think. */
  thinking = $state("");
  /** The critique so far. */
  critique = $state("");
  /** Number of the tokens of both. */
  written = $state(0);
  /** Whole seconds since the start. */
  elapsed = $state(0);
  verdict = $state.raw<V>();
  fault = $state.raw<Fault>();
  /** A status that screen readers announce: one sentence for each event. */
  status = $state("");

  #control: AbortController | undefined;

  constructor(private readonly judge: JudgeState) {}

  async start(work: Work<V>, tell: (verdict: V) => string): Promise<void> {
    const engine = this.judge.current;
    if (this.judging || engine === undefined) return;
    this.#control = new AbortController();
    this.#begin();
    const clock = setInterval(() => (this.elapsed += 1), 1000);
    try {
      const { signal } = this.#control;
      this.verdict = await work(engine, { signal, onToken: (text, { part }) => this.#write(text, part) });
      this.status = tell(this.verdict);
    } catch (error) {
      this.status = isAbort(error) ? "Cancelled." : "No verdict was reached.";
      if (!isAbort(error)) this.fault = faultOf(error);
      if (isFatal(error)) await this.judge.dismiss();
    } finally {
      clearInterval(clock);
      this.judging = false;
    }
  }

  cancel(): void {
    this.#control?.abort();
  }

  /** Removes the verdict, for a form with a new content. */
  clear(): void {
    this.cancel();
    this.verdict = undefined;
    this.thinking = "";
    this.critique = "";
    this.fault = undefined;
    this.status = "";
  }

  #begin(): void {
    this.judging = true;
    this.verdict = undefined;
    this.fault = undefined;
    this.thinking = "";
    this.critique = "";
    this.written = 0;
    this.elapsed = 0;
    this.status = "The judge is reading.";
  }

  #write(text: string, part: TokenPlace["part"]): void {
    if (part === "critique" && this.critique === "") this.status = "The judge is writing its critique.";
    if (part === "thinking" && this.thinking === "") this.status = "The judge is thinking.";
    this[part] += text;
    this.written += 1;
  }
}
