import type { ClassVerdict, PreferenceVerdict, ScoreVerdict } from "./judge.js";

/** Several judges' scores as one. */
export interface PanelScore {
  /** What most judges gave; of equally many, the likelier by the mean distribution, then the lower. */
  score: number;
  /** Mean of the judges' expected scores. */
  expected: number;
  /** Their median: a single judge cannot carry it away. */
  median: number;
  /** Mean of the judges' distributions. */
  distribution: Record<string, number>;
  /** What the mean distribution leaves to everything that is no score. */
  outside: number;
  /** `dissent`: share of judges with another score; `spread`: standard deviation of their expected scores. */
  disagreement: { dissent: number; spread: number };
}

/** Several judges' labels as one. */
export interface PanelClass {
  /** What most judges gave; of equally many, the likelier by the mean distribution, then the first. */
  label: string;
  /** Mean of the judges' distributions. */
  distribution: Record<string, number>;
  /** What the mean distribution leaves to everything that is no label. */
  outside: number;
  /** `dissent`: share of judges with another label. */
  disagreement: { dissent: number };
}

/** Several judges' preferences as one. */
export interface PanelPreference {
  /**
   * What most judges said. As many for A as for B: the side of the mean `probabilityA`. As many for a tie as for the
   * side with the most: a tie.
   */
  winner: "a" | "b" | "tie";
  /** Mean of the judges' own. */
  probabilityA: number;
  /** `dissent`: share of judges with another winner; `spread`: standard deviation of their `probabilityA`. */
  disagreement: { dissent: number; spread: number };
}

/** {@link PanelScore} with what it was made of: a verdict of each judge, in their order. */
export interface PanelScoreVerdict extends PanelScore {
  verdicts: ScoreVerdict[];
}

/** {@link PanelClass} with what it was made of: a verdict of each judge, in their order. */
export interface PanelClassVerdict extends PanelClass {
  verdicts: ClassVerdict[];
}

/** {@link PanelPreference} with what it was made of: a verdict of each judge, in their order. */
export interface PanelPreferenceVerdict extends PanelPreference {
  verdicts: PreferenceVerdict[];
}
