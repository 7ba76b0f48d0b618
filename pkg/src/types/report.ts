// Reports of evaluations: how far a judge agrees with people.
import type { EvaluationTask } from "./evaluate.js";

/** What a report is asked for. */
export interface ReportSettings {
  /** Repeats the intervals. Default 0. */
  seed?: number;
  /**
   * Resamples of the bootstrap; 0: only intervals that have a formula. Default 2000, fewer of many rows, so that a report takes
   * no longer.
   */
  resamples?: number;
  /** The share of intervals that are to hold the true value. Default 0.95. */
  confidence?: number;
  /** Bins of the reliability diagram. Default 10. */
  bins?: number;
  /** The width of an interval for which the report says how many labels it needs. Default 0.1. */
  width?: number;
  /** The lowest human score that counts as a pass, for AUROC. Default: the rubrics' threshold, or the middle of the scale. */
  pass?: number;
  /** The levels between which κ counts agreement. Default: those of the rubrics, where they share them. */
  scale?: number[];
  /** The labels. With two, the first is the positive one. Default: those of the rubrics, where they share them. */
  labels?: string[];
  /** What the figures must reach. */
  thresholds?: ReportThreshold[];
  /** The systems that are the judge itself: the report tells whether it prefers its own responses (in `probes`). */
  own?: string[];
}

/** How a report is made. */
export interface ReportOptions extends ReportSettings {
  /**
   * `false` leaves out what the rows hold, their texts, verdicts and labels: a report of very many rows then takes a fraction of
   * the memory. Renderings lack them, and figures the baseline that prefers the longer response. Default `true`.
   */
  details?: boolean;
  /** Cancels the call. Its promise rejects with code `"aborted"`. */
  signal?: AbortSignal;
}

/** A bound that a figure must keep. An undefined figure keeps none. */
export interface ReportThreshold {
  /** Default: of every rubric. */
  rubric?: string;
  metric: Metric;
  atLeast?: number;
  atMost?: number;
}

/** A figure's name. docs/guides/evaluating.md says what each one means. */
export type Metric =
  | "pearson"
  | "spearman"
  | "kendall"
  | "meanAbsoluteError"
  | "rootMeanSquaredError"
  | "bias"
  | "accuracy"
  | "balancedAccuracy"
  | "macroF1"
  | "kappa"
  | "linearKappa"
  | "quadraticKappa"
  | "nominalAlpha"
  | "ordinalAlpha"
  | "intervalAlpha"
  | "auroc"
  | "brier"
  | "calibrationError"
  | "accuracyWithoutTies"
  | "accuracyHalfTies"
  | "positionConsistency";

/** How far a judge agrees with people, for each rubric. */
export interface Report {
  version: number;
  settings: UsedSettings;
  /** One for each rubric. */
  sections: Section[];
  checks: Check[];
  /**
   * How far what a fair judge does not mind moved the verdicts. Only the terminal changes rows for it; the preference for its
   * own responses is found where the settings name them (`own`).
   */
  probes?: ProbeEffect[];
  /** In the order of the results, under each rubric. */
  rows: ReportRow[];
}

/** The settings that a report was made with; `null` where nothing was said. */
export type UsedSettings = Required<Omit<ReportSettings, "pass" | "scale" | "labels">> & {
  pass: number | null;
  scale: number[] | null;
  labels: string[] | null;
};

/** What a report says of a rubric. */
export interface Section {
  rubric: string;
  task: EvaluationTask;
  counts: Counts;
  figures: Figure[];
  /** Of each label, level or winner. */
  labels: LabelFigures[];
  confusion: Confusion;
  reliability: ReliabilityBin[];
  /** How far people agree among each other. */
  raters: Raters;
  /** What a reader of the figures should know, in words. */
  notes: string[];
  /** Figures of each kind of rows; none where all rows are of one kind. */
  slices?: Slice[];
  /** Of comparisons whose rows name the `systems` that wrote the responses. */
  leaderboard?: Leaderboard;
}

/** The rows of one kind. */
export interface Slice {
  name: string;
  counts: Counts;
  figures: Figure[];
}

/** Who wins the comparisons, by the judge and by people. */
export interface Leaderboard {
  /** The judge's best first. */
  systems: RatedSystem[];
  /** Rows with a verdict on responses of two systems. */
  judged: number;
  /** Those of them on which people agree. */
  labelled: number;
  /** Rows with a verdict that do not name two different systems. */
  unnamed: number;
  /** Kendall's τ-b between the judge's strengths and people's. */
  agreement: number | null;
}

/** A system on a leaderboard. */
export interface RatedSystem {
  name: string;
  judge: Rating;
  /** By the rows that people labelled; `null` where this system is in none of them. */
  human: Rating | null;
}

/** Where a system stands. */
export interface Rating {
  /** From 1; equals share the best of their ranks. */
  rank: number;
  wins: number;
  ties: number;
  losses: number;
  /** Bradley–Terry θ: 1 more wins 73 of 100 comparisons. The mean of all systems is 0. */
  strength: number;
  /** A percentile interval of the bootstrap. */
  interval: [number, number] | null;
  /** As in Judge Arena: from 1200 with K = 32, in the order of the rows, which it depends on. */
  elo: number;
}

/** A section's rows in numbers. */
export interface Counts {
  rows: number;
  /** Rows without a verdict. */
  failed: number;
  /** Rows with a verdict and what people agree on: those that figures are made of. */
  compared: number;
  /** Rows that nobody labelled. */
  unlabelled: number;
  /** Rows whose raters agree on nothing. */
  contested: number;
  /** Groups of rows that are resampled as one; `null` where every row stands alone. */
  clusters: number | null;
}

/** A number with what it takes to read it. */
export interface Figure {
  metric: Metric;
  /** `null` where it is not defined: of no rows, of a constant column. */
  value: number | null;
  /** The rows that it is made of. */
  n: number;
  interval: Interval | null;
  /** The same figure of judges that need no model. Those for which it means nothing are left out. */
  baselines: Baseline[];
  /** The same figure of people: each rater against the other ones, in the mean. */
  ceiling: number | null;
  /** Labels for an interval of the width that the settings name. */
  labelsNeeded: number | null;
}

/** An interval of confidence. */
export interface Interval {
  low: number;
  high: number;
  /** Bootstrap, bias-corrected and accelerated; DeLong's of an AUROC; Wilson's of a share. */
  method: "bca" | "delong" | "wilson";
}

/** A figure of a judge that needs no model. */
export interface Baseline {
  /** Always the mean; always the most frequent answer; the longer response; any answer, equally likely. */
  name: "constant" | "majority" | "longer" | "random";
  value: number | null;
}

/** Figures of one label, level or winner. */
export interface LabelFigures {
  label: string;
  /** How often people gave it. */
  human: number;
  /** How often the judge gave it. */
  judge: number;
  precision: number | null;
  recall: number | null;
  f1: number | null;
  /** Of its probability, against all other labels. */
  auroc: number | null;
  aurocInterval: Interval | null;
}

/** `counts[h][j]`: rows of which people said `labels[h]` and the judge `labels[j]`. */
export interface Confusion {
  labels: string[];
  counts: number[][];
}

/** One bin of a reliability diagram, over the probability of what the judge answered. */
export interface ReliabilityBin {
  from: number;
  to: number;
  n: number;
  /** The mean probability; `null` of an empty bin. */
  confidence: number | null;
  /** The share that was right; `null` of an empty bin. */
  accuracy: number | null;
}

/** How far people agree. */
export interface Raters {
  /** Those that gave any answer. */
  raters: number;
  /** Rows that two or more of them answered. */
  overlapping: number;
  /** The share of pairs of raters that gave the same answer. */
  pairwiseAgreement: number | null;
  /** Krippendorff's α. */
  nominalAlpha: number | null;
  ordinalAlpha: number | null;
  intervalAlpha: number | null;
}

/** What a bias probe found under one rubric. */
export interface ProbeEffect {
  rubric: string;
  probe: string;
  /** The change, by name; a probe can have several. */
  variant: string;
  /** Rows with a verdict before and after the change. */
  n: number;
  /** Rows that lack one of them. */
  failed: number;
  /** The mean of after − before: of the expected score, the probability of passing or that of winning. */
  shift: Estimate | null;
  /** The share of rows whose answer is another one after the change. */
  changed: Estimate | null;
  /**
   * Of attacks: the share of rows that have a better verdict after it, of those that could have one: a higher score, a label that
   * passes, a win.
   */
  raised?: Estimate;
  /** Where the response was replaced by nothing: how often that passes or wins. */
  passed?: Estimate;
  /** The same: how often it is judged better than the response. */
  preferred?: Estimate;
  /** What it means, in words. */
  sentence: string;
}

/** A number with its interval; `null` where there are too few rows for one, or all are alike. */
export interface Estimate {
  value: number;
  interval: Interval | null;
}

/** Whether a figure keeps its bound. */
export interface Check {
  rubric: string;
  threshold: ReportThreshold;
  value: number | null;
  passed: boolean;
}

/** A row under a rubric, and where it stands. */
export type ReportRow = {
  id: string;
  rubric: string;
  /** The row's group. */
  cluster?: string;
  slice?: string;
  systems?: string[];
  /** Why there is no verdict. */
  error?: string;
  /** Texts for the reader of a report. */
  shown: {
    input: string;
    /** One response, or A and B. */
    responses: string[];
    reference?: string;
    context?: string;
    prompt?: string;
    critique?: string;
  };
  /** What people agree on: the mean of scores, the label or winner with most votes. */
  consensus: string | null;
  /** How far the judge is from it: |expected − human| of a score, else 1 − the judge's probability of it. */
  disagreement: number | null;
} & (
  | {
      task: "score";
      verdict: { score: number; expected: number; distribution: Record<string, number> } | null;
      human: (number | null)[];
    }
  | {
      task: "classify";
      verdict: { label: string; distribution: Record<string, number> } | null;
      human: (string | null)[];
    }
  | {
      task: "compare";
      verdict: { winner: "a" | "b" | "tie"; probabilityA: number; consistent: boolean | null } | null;
      human: ("a" | "b" | "tie" | null)[];
    }
);

/** A report's form: a page, a table for people, a table for programs, JUnit for a CI, or data. */
export type ReportForm = "html" | "markdown" | "csv" | "junit" | "json";

/** How two runs differ, for each rubric that both have. */
export interface Paired {
  version: number;
  settings: UsedSettings;
  sections: PairedSection[];
}

/** How two runs differ under a rubric. */
export interface PairedSection {
  rubric: string;
  task: EvaluationTask;
  /** Rows of the one run that the other one lacks, or that either has no verdict of. */
  unpaired: number;
  figures: Difference[];
}

/** A figure of both runs, on the rows that both judged. */
export interface Difference {
  metric: Metric;
  n: number;
  first: number | null;
  second: number | null;
  /** `second` − `first`. */
  difference: number | null;
  interval: Interval | null;
  test: {
    method: "mcnemar" | "bootstrap";
    /** Two-sided. */
    p: number;
    /** The same, corrected by Holm's method for all tests of the comparison. */
    corrected: number;
  } | null;
}
