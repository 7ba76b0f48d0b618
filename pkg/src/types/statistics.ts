// What rankings and calibrations take and give.
/** What became of one comparison of two players, which are counted from 0: a winner, or a probability. */
export type PairwiseResult = { a: number; b: number } & (
  | { winner: "a" | "b" | "tie"; probabilityA?: never }
  | {
      /** p(a is better), as `PreferenceVerdict.probabilityA`. */
      probabilityA: number;
      winner?: never;
    }
);

/** How a table of results is ranked. */
export interface RankOptions {
  /** How many players there are. Default: one more than the highest that a result names. At most 1000. */
  players?: number;
  /**
   * Draws of each player against an opponent that all have in common, 0.001 to 1000. They keep strengths finite where
   * somebody never lost or groups never met. More of them pull the strengths together. Default 1.
   */
  prior?: number;
  /** Resamples of the bootstrap behind the intervals, at most 10,000; 0: no intervals. Default 1000. */
  resamples?: number;
  /** Draws other resamples. Default 0. */
  seed?: number;
}

/** Players by strength. */
export interface Ranking {
  /** In the order of their numbers. */
  players: Standing[];
  /** Numbers of the players, the best first. */
  order: number[];
}

/** Where a player stands. */
export interface Standing {
  index: number;
  /** From 1, the best first; equals share the best of their ranks. */
  rank: number;
  /** Bradley–Terry: p(i beats j) = σ(strength of i − strength of j). The mean of all is 0. */
  strength: number;
  /** 95% confidence interval of the strength; `null` without results or resamples. */
  interval: [number, number] | null;
  /** p(this player beats one of strength 0). */
  winProbability: number;
  /** Results that this player is in. */
  comparisons: number;
}

/**
 * From a judge's expected score to the scale of people: through the points (`thresholds[i]`, `values[i]`), linear
 * between them, constant outside. Plain data, to be kept as JSON.
 */
export interface CalibrationMap {
  /** Ascending. */
  thresholds: number[];
  /** As many; none is below the one before. */
  values: number[];
}

/** How a calibration is fitted. */
export interface CalibrationOptions {
  /** Parts of the cross-validation, from 2 to the number of labels. Default 5. */
  folds?: number;
  /** Deals the labels into other parts. Default 0. */
  seed?: number;
  /** The levels that people could give, for κ. Default: every integer from the lowest label to the highest. */
  scale?: number[];
}

/** A calibration, and what it is worth. */
export interface CalibrationFit {
  map: CalibrationMap;
  report: CalibrationReport;
}

/** How a judge agrees with people, without and with a calibration. */
export interface CalibrationReport {
  n: number;
  folds: number;
  /** The judge as it is. */
  before: Agreement;
  /** On the labels that the map was fitted to: flattering. */
  after: Agreement;
  /** On labels that the map had not seen: what to expect of new ones. */
  crossValidated: Agreement;
  /** What a reader of the numbers should know, in words. */
  notes: string[];
}

/** How predictions agree with labels; `null` where a number is not defined, as a correlation with a constant. */
export interface Agreement {
  /** Pearson's r. */
  pearson: number | null;
  /** Spearman's ρ. */
  spearman: number | null;
  /** Cohen's κ, both rounded to the nearest level of the human scale. */
  kappa: number | null;
  /** The same with quadratic weights. */
  weightedKappa: number | null;
  /** Mean of prediction − label. */
  bias: number;
  meanAbsoluteError: number;
}
