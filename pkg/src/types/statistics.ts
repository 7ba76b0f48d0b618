// Rankings and calibrations.
/** The result of one comparison of two players, by their indices: a winner, or a probability. */
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
  /** Number of players, at most 1000. Default: one more than the highest index in the results. */
  players?: number;
  /**
   * Prior: virtual draws of each player against one common opponent, 0.001 to 1000. It keeps strengths finite where a player
   * never lost or groups never met. A larger prior shrinks the strengths together. Default 1.
   */
  prior?: number;
  /** Bootstrap resamples for the intervals, at most 10,000. 0: no intervals. Default 1000. */
  resamples?: number;
  /** Seed of the resampling. Default 0. */
  seed?: number;
}

/** Players by strength. */
export interface Ranking {
  /** In the order of their indices. */
  players: Standing[];
  /** Indices of the players, the best first. */
  order: number[];
}

/** A player's place in a ranking. */
export interface Standing {
  index: number;
  /** From 1, the best first. Equal players share the best of their ranks. */
  rank: number;
  /** Bradley–Terry: p(i beats j) = σ(strength of i − strength of j). The mean of all is 0. */
  strength: number;
  /** 95% confidence interval of the strength; `null` without results or resamples. */
  interval: [number, number] | null;
  /** p(this player beats one of strength 0). */
  winProbability: number;
  /** Number of results with this player. */
  comparisons: number;
}

/**
 * A map from a judge's expected score to the human scale: piecewise linear through the points (`thresholds[i]`,
 * `values[i]`), constant outside. Plain data, which can be saved as JSON.
 */
export interface CalibrationMap {
  /** Ascending. */
  thresholds: number[];
  /** One for each threshold, never descending. */
  values: number[];
}

/** How a calibration is fitted. */
export interface CalibrationOptions {
  /** Folds of the cross-validation, from 2 to the number of labels. Default 5. */
  folds?: number;
  /** Seed of the assignment of labels to folds. Default 0. */
  seed?: number;
  /** The levels that people could give, for κ. Default: every integer from the lowest label to the highest. */
  scale?: number[];
}

/** A calibration, and how good it is. */
export interface CalibrationFit {
  map: CalibrationMap;
  report: CalibrationReport;
}

/** A judge's agreement with people, without and with a calibration. */
export interface CalibrationReport {
  n: number;
  folds: number;
  /** Without a calibration. */
  before: Agreement;
  /** With the map, on the labels that it was fitted to. Optimistic. */
  after: Agreement;
  /** With maps that were fitted without these labels. An estimate for new labels. */
  crossValidated: Agreement;
  /** Remarks on the numbers, in words. */
  notes: string[];
}

/** Agreement of predictions with labels. `null` where a number is not defined, as a correlation with a constant. */
export interface Agreement {
  /** Pearson's r. */
  pearson: number | null;
  /** Spearman's ρ. */
  spearman: number | null;
  /** Cohen's κ, with both rounded to the nearest level of the human scale. */
  kappa: number | null;
  /** The same with quadratic weights. */
  weightedKappa: number | null;
  /** Mean of prediction − label. */
  bias: number;
  meanAbsoluteError: number;
}
