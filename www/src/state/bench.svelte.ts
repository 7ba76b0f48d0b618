import type { ClassVerdict, PreferenceVerdict, RankVerdict, ScoreVerdict } from "lunette";
import * as tasks from "../data/tasks";
import type {
  Apart,
  ClassifyDraft,
  CompareDraft,
  Drafts,
  RankDraft,
  ScoreDraft,
  Setup,
  Tab,
  View,
} from "../data/setup";
import { firstDrafts } from "../examples";
import { JudgeState } from "./judge.svelte";
import { Run } from "./run.svelte";

/** A verdict with a copy of its form: the form may change afterwards. */
export interface Judged<V, D> {
  verdict: V;
  draft: D;
}

export interface Runs {
  score: Run<Judged<ScoreVerdict, ScoreDraft>>;
  classify: Run<Judged<ClassVerdict, ClassifyDraft>>;
  compare: Run<Judged<PreferenceVerdict, CompareDraft>>;
  rank: Run<Judged<RankVerdict, RankDraft>>;
}

/** The state of the page: a judge, and a form with its verdict for each tab. */
export class Bench {
  readonly judge = new JudgeState();
  /** The open form, or the one that was open before a tab without a form. */
  tab = $state<Tab>("score");
  #apart = $state<Apart>();
  drafts = $state<Drafts>(firstDrafts());
  readonly runs: Runs = {
    score: new Run(this.judge),
    classify: new Run(this.judge),
    compare: new Run(this.judge),
    rank: new Run(this.judge),
  };

  /** The open tab. */
  get view(): View {
    return this.#apart ?? this.tab;
  }

  set view(view: View) {
    if (view === "reward" || view === "evaluate") this.#apart = view;
    else [this.#apart, this.tab] = [undefined, view];
  }

  /** The form of the open tab. */
  get setup(): Setup {
    return { tab: this.tab, draft: this.drafts[this.tab] } as Setup;
  }

  /** Fills a form and opens its tab. */
  open({ tab, draft }: Setup): void {
    this.view = tab;
    Object.assign(this.drafts, { [tab]: draft });
    this.runs[tab].clear();
  }

  score(): Promise<void> {
    const draft = $state.snapshot(this.drafts.score);
    return this.runs.score.start(
      async (judge, watch) => {
        const options = { ...tasks.judgeOptions(draft.ways), ...watch };
        return { draft, verdict: await judge.score(tasks.scoreTask(draft), options) };
      },
      ({ verdict }) => `The score is ${verdict.score} of ${draft.levels.at(-1)?.score ?? ""}.`,
    );
  }

  classify(): Promise<void> {
    const draft = $state.snapshot(this.drafts.classify);
    return this.runs.classify.start(
      async (judge, watch) => {
        const options = { ...tasks.judgeOptions(draft.ways), ...watch };
        return { draft, verdict: await judge.classify(tasks.classifyTask(draft), options) };
      },
      ({ verdict }) => `The label is ${verdict.label}.`,
    );
  }

  compare(): Promise<void> {
    const draft = $state.snapshot(this.drafts.compare);
    return this.runs.compare.start(
      async (judge, watch) => {
        const options = { ...tasks.compareOptions(draft.ways), ...watch };
        return { draft, verdict: await judge.compare(tasks.compareTask(draft), options) };
      },
      ({ verdict }) =>
        verdict.winner === "tie" ? "It is a tie." : `Response ${verdict.winner.toUpperCase()} is the better one.`,
    );
  }

  rank(): Promise<void> {
    const draft = $state.snapshot(this.drafts.rank);
    return this.runs.rank.start(
      async (judge, watch) => {
        const options = { ...tasks.compareOptions(draft.ways), ...watch };
        return { draft, verdict: await judge.rank(tasks.rankTask(draft), options) };
      },
      ({ verdict }) => `Response ${1 + (verdict.order[0] ?? 0)} is the best one.`,
    );
  }
}
