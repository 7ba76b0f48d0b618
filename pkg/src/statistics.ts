import { count, finite, listOf, object, oneOf, optional, record, settings, whole, wrong } from "./check.js";
import type { Check } from "./check.js";
import { LunetteError } from "./errors.js";
import { compute } from "./without-model.js";

/** What became of one comparison of two players, which are counted from 0: a winner, or a probability. */
export type PairwiseResult = { a: number; b: number } & (
  | { winner: "a" | "b" | "tie"; probabilityA?: never }
  | {
      /** p(a is better), as {@link PreferenceVerdict.probabilityA}. */
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

/**
 * Ranks players by a table of pairwise results: Bradley–Terry strengths with bootstrap confidence intervals. Needs no
 * model; the same table and options give the same ranking.
 *
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `engine-unavailable`.
 */
export async function rankResults(results: readonly PairwiseResult[], options: RankOptions = {}): Promise<Ranking> {
  const table = listOf(result)(results, "results");
  const given = rankOptions(options, "options");
  return compute((wasm) => wasm.rankResults(table, given));
}

/**
 * Fits the monotone map (isotonic regression) that brings a judge's expected scores closest to what people gave, and
 * says what it is worth. Needs no model. Apply it with {@link Judge.withCalibration}.
 *
 * @param verdicts the judge's verdicts, or their expected scores alone; at least 10.
 * @param humanLabels what people gave the same responses, in the same order.
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `engine-unavailable`.
 */
export async function fitCalibration(
  verdicts: readonly (number | { expected: number })[],
  humanLabels: readonly number[],
  options: CalibrationOptions = {},
): Promise<CalibrationFit> {
  const predictions = Float64Array.from(listOf(expected)(verdicts, "verdicts"));
  const labels = Float64Array.from(listOf(finite)(humanLabels, "humanLabels"));
  const given = calibrationOptions(options, "options");
  return compute((wasm) => wasm.fitCalibration(predictions, labels, given));
}

const outcome = record<{ a: number; b: number; winner?: "a" | "b" | "tie"; probabilityA?: number }>({
  a: count,
  b: count,
  winner: optional(oneOf("a", "b", "tie")),
  probabilityA: optional(finite),
});

const result: Check<PairwiseResult> = (value, where) => {
  const { a, b, winner, probabilityA } = outcome(value, where);
  if (winner !== undefined && probabilityA === undefined) return { a, b, winner };
  if (winner === undefined && probabilityA !== undefined) return { a, b, probabilityA };
  const given = winner === undefined ? "neither" : "both";
  throw new LunetteError("invalid-argument", `${where} must have a winner or a probabilityA, but has ${given}.`);
};

const rankOptions = settings<RankOptions>({
  players: optional(count),
  prior: optional(finite),
  resamples: optional(count),
  seed: optional(whole),
});

const calibrationOptions = settings<CalibrationOptions>({
  folds: optional(count),
  seed: optional(whole),
  scale: optional(listOf(integer)),
});

function integer(value: unknown, where: string): number {
  if (!Number.isSafeInteger(value)) throw wrong(where, "an integer", value);
  return value as number;
}

function expected(value: unknown, where: string): number {
  return typeof value === "number"
    ? finite(value, where)
    : finite(object(value, where)["expected"], `${where}.expected`);
}

const points = record<CalibrationMap>({ thresholds: listOf(finite), values: listOf(finite) });

/** Refuses a broken map before anything is judged with it. */
export const calibrationMap: Check<CalibrationMap> = (value, where) => {
  const map = points(value, where);
  const { thresholds, values } = map;
  if (thresholds.length === 0) throw wrong(`${where}.thresholds`, "a list of at least one number", thresholds);
  if (values.length !== thresholds.length) throw wrong(`${where}.values`, "as long as thresholds", values);
  const follows = (list: number[], fits: (before: number, next: number) => boolean) =>
    list.every((next, i) => i === 0 || fits(list[i - 1] ?? next, next));
  if (!follows(thresholds, (before, next) => before < next))
    throw wrong(`${where}.thresholds`, "ascending", thresholds);
  if (!follows(values, (before, next) => before <= next)) throw wrong(`${where}.values`, "never descending", values);
  return map;
};
