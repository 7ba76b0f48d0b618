import { describe, expect, it, vi } from "vitest";
import { fitCalibration, rankResults } from "../src/index.js";
import type { CalibrationMap, PairwiseResult, RankOptions } from "../src/index.js";
import { calibrationMap } from "../src/api/statistics.js";
import { realWasm } from "./real-wasm.js";

vi.mock("../src/wasm.js", () => ({ loadWasm: realWasm }));

const invalid = (message: string) => ({
  name: "LunetteError",
  code: "invalid-argument",
  message: expect.stringContaining(message) as string,
});

describe("rankResults", () => {
  const undefeated: PairwiseResult[] = [
    { a: 0, b: 1, winner: "a" },
    { a: 2, b: 0, winner: "b" },
    { a: 1, b: 2, probabilityA: 1 },
  ];

  it("gives the strengths that choix does, with intervals around them", async () => {
    const { players, order } = await rankResults(undefeated);
    expect(order).toEqual([0, 1, 2]);
    expect(players.map(({ index, rank, comparisons }) => [index, rank, comparisons])).toEqual([
      [0, 1, 2],
      [1, 2, 2],
      [2, 3, 2],
    ]);
    for (const [index, strength] of [1.2945726116757335, 0, -1.2945726116757335].entries()) {
      const player = players[index];
      expect(player?.strength).toBeCloseTo(strength, 8);
      expect(player?.winProbability).toBeCloseTo(1 / (1 + Math.exp(-strength)), 8);
      const [low, high] = player?.interval ?? [];
      expect(low).toBeLessThanOrEqual(strength + 1e-4);
      expect(high).toBeGreaterThanOrEqual(strength - 1e-4);
    }
  });

  it("repeats, and draws other resamples with another seed", async () => {
    const table = [...undefeated, { a: 2, b: 0, winner: "a" as const }];
    const run = (seed: number) => rankResults(table, { seed, resamples: 60 });
    expect(await run(1)).toEqual(await run(1));
    expect(await run(1)).not.toEqual(await run(2));
  });

  it("has no intervals without resamples, and no results without players", async () => {
    expect((await rankResults(undefeated, { resamples: 0 })).players[0]?.interval).toBeNull();
    expect((await rankResults([], { players: 2 })).players.map(({ rank }) => rank)).toEqual([1, 1]);
    await expect(rankResults([])).rejects.toMatchObject(invalid("no results"));
  });

  it.each([
    [[{ a: 0, b: 0, winner: "a" }], {}, "compares player 0 with itself"],
    [[{ a: 0, b: 1 }], {}, "results[0] must have a winner or a probabilityA, but has neither"],
    [[{ a: 0, b: 1, winner: "a", probabilityA: 0.7 }], {}, "but has both"],
    [[{ a: 0, b: 1, winner: "c" }], {}, "results[0].winner"],
    [[{ a: -1, b: 1, winner: "a" }], {}, "results[0].a"],
    [[{ a: 0, b: 1, probabilityA: 1.5 }], {}, "`probabilityA` of result 0"],
    [[{ a: 0, b: 1, winner: "a" }], { prior: 0 }, "`prior`"],
    [[{ a: 0, b: 1, winner: "a" }], { resample: 3 }, "options.resample is not supported"],
    [[{ a: 0, b: 4000, winner: "a" }], {}, "4001 players"],
  ])("says what is wrong with %j %j", async (results, options, message) => {
    await expect(rankResults(results as PairwiseResult[], options as RankOptions)).rejects.toMatchObject(
      invalid(message),
    );
  });
});

describe("fitCalibration", () => {
  const PREDICTIONS = [2, 1.1, 4, 2, 3.1, 5, 1.1, 2.9, 3.6, 1.4, 4.8, 2, 3.1, 2.3, 4.4, 4];
  const LABELS = [1, 1, 5, 3, 3, 5, 2, 4, 3, 1, 5, 2, 3, 2, 4, 4];

  it("gives the map that scikit-learn does, from verdicts or numbers", async () => {
    const fit = await fitCalibration(PREDICTIONS, LABELS, { folds: 16 });
    expect(fit.map.thresholds.map((x) => x.toFixed(9))).toEqual([1.25, 2.15, 3.25, 4.2, 4.9].map((x) => x.toFixed(9)));
    expect(fit.map.values.map((y) => y.toFixed(9))).toEqual([4 / 3, 2, 3.25, 13 / 3, 5].map((y) => y.toFixed(9)));
    expect(fit.report.crossValidated.pearson).toBeCloseTo(0.8251494858293351, 12);
    expect(fit.report.before.weightedKappa).toBeCloseTo(0.896551724137931, 12);
    expect(fit.report.n).toBe(16);
    const verdicts = PREDICTIONS.map((expected) => ({ expected, critique: null }));
    expect(await fitCalibration(verdicts, LABELS, { folds: 16 })).toEqual(fit);
    expect(calibrationMap(JSON.parse(JSON.stringify(fit.map)), "map")).toEqual(fit.map);
  });

  it("has null and a note where a correlation is not defined", async () => {
    const { report } = await fitCalibration(new Array<number>(12).fill(3), LABELS.slice(4));
    expect(report.before.pearson).toBeNull();
    expect(report.notes[0]).toContain("predictions are the same");
  });

  it("says what is wrong", async () => {
    const fit = (verdicts: unknown, labels: unknown, options?: object) =>
      fitCalibration(verdicts as number[], labels as number[], options);
    await expect(fit(PREDICTIONS, LABELS.slice(1))).rejects.toMatchObject(invalid("16 predictions but 15 labels"));
    await expect(fit([1, 2], [1, 2])).rejects.toMatchObject(invalid("2 labels"));
    await expect(fit([{ score: 1 }], [1])).rejects.toMatchObject(invalid("verdicts[0].expected"));
    await expect(fit([1], [Number.NaN])).rejects.toMatchObject(invalid("humanLabels[0]"));
    await expect(fit(PREDICTIONS, LABELS, { folds: 17 })).rejects.toMatchObject(invalid("`folds`"));
    await expect(fit(PREDICTIONS, LABELS, { scale: [Number.NaN] })).rejects.toMatchObject(invalid("options.scale[0]"));
  });
});

describe("a calibration map", () => {
  it.each([
    [{ thresholds: [], values: [] }, "map.thresholds"],
    [{ thresholds: [1, 2], values: [1] }, "map.values"],
    [{ thresholds: [2, 2], values: [1, 2] }, "map.thresholds must be ascending"],
    [{ thresholds: [1, 2], values: [2, 1] }, "map.values must be never descending"],
    [{ thresholds: [1, Infinity], values: [1, 2] }, "map.thresholds[1]"],
    [{ thresholds: [1] }, "map.values"],
  ])("%j is refused, here and in Rust", async (map, message) => {
    expect(() => calibrationMap(map, "map")).toThrow(message);
    const wasm = await realWasm();
    expect(() => wasm.applyCalibration(map as CalibrationMap, 1)).toThrow("`map`");
  });
});
