import type { ClassVerdict, PreferenceVerdict, ScoreVerdict } from "./judge.js";

/** The combined score of several judges. */
export interface PanelScore {
  /** The score with the most votes. Ties go to the likelier score by the mean distribution, then to the lower one. */
  score: number;
  /** Mean of the judges' expected scores. */
  expected: number;
  /** Median of the judges' expected scores, which a single outlier cannot move far. */
  median: number;
  /** Mean of the judges' distributions. */
  distribution: Record<string, number>;
  /** Mean probability of all text that is no score. */
  outside: number;
  /** `dissent`: share of judges with another score; `spread`: standard deviation of their expected scores. */
  disagreement: { dissent: number; spread: number };
}

/** The combined label of several judges. */
export interface PanelClass {
  /** The label with the most votes. Ties go to the likelier label by the mean distribution, then to the first one. */
  label: string;
  /** Mean of the judges' distributions. */
  distribution: Record<string, number>;
  /** Mean probability of all text that is no label. */
  outside: number;
  /** `dissent`: share of judges with another label. */
  disagreement: { dissent: number };
}

/** The combined preference of several judges. */
export interface PanelPreference {
  /**
   * The side with the most votes. If A and B have equally many, the side of the mean `probabilityA`. If a tie has as many as the
   * best side, a tie.
   */
  winner: "a" | "b" | "tie";
  /** Mean of the judges' `probabilityA`. */
  probabilityA: number;
  /** `dissent`: share of judges with another winner; `spread`: standard deviation of their `probabilityA`. */
  disagreement: { dissent: number; spread: number };
}

/** {@link PanelScore} with the judges' verdicts, in the order of the judges. */
export interface PanelScoreVerdict extends PanelScore {
  verdicts: ScoreVerdict[];
}

/** {@link PanelClass} with the judges' verdicts, in the order of the judges. */
export interface PanelClassVerdict extends PanelClass {
  verdicts: ClassVerdict[];
}

/** {@link PanelPreference} with the judges' verdicts, in the order of the judges. */
export interface PanelPreferenceVerdict extends PanelPreference {
  verdicts: PreferenceVerdict[];
}
