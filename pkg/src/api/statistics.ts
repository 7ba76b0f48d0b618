import { count, finite, listOf, object, oneOf, optional, record, settings, whole, wrong } from "../wire/check.js";
import type { Check } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import type {
  PairwiseResult,
  RankOptions,
  Ranking,
  CalibrationMap,
  CalibrationOptions,
  CalibrationFit,
} from "../types/index.js";
import { compute } from "./compute.js";

/**
 * Ranks players by a table of pairwise results: Bradley–Terry strengths with bootstrap confidence intervals. Needs no
 * model. The same table and options give the same ranking.
 *
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `engine-unavailable`.
 */
export async function rankResults(results: readonly PairwiseResult[], options: RankOptions = {}): Promise<Ranking> {
  const table = listOf(result)(results, "results");
  const given = rankOptions(options, "options");
  return compute((wasm) => wasm.rankResults(table, given));
}

/**
 * Fits a monotone map (isotonic regression) from a judge's expected scores to people's labels, and reports how good it is.
 * Needs no model. Apply it with {@link Judge.withCalibration}.
 *
 * @param verdicts the judge's verdicts, or their expected scores; at least 10.
 * @param humanLabels people's labels of the same responses, in the same order.
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
  scale: optional(listOf(finite)),
});

function expected(value: unknown, where: string): number {
  return typeof value === "number"
    ? finite(value, where)
    : finite(object(value, where)["expected"], `${where}.expected`);
}

const points = record<CalibrationMap>({ thresholds: listOf(finite), values: listOf(finite) });

/** Checks a calibration map. */
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
