import type { RowVerdict } from "lunette";
import type { Standings } from "./standing";

/** The judge's expected score of a row, and what people agree on. */
export interface LabelledScore {
  expected: number;
  human: number;
}

export function labelledScores(
  results: readonly RowVerdict[],
  rubric: string,
  standings: Standings | undefined,
): LabelledScore[] {
  return results.flatMap(({ row, verdicts }) => {
    const verdict = verdicts?.[rubric];
    const consensus = standings?.get(row)?.consensus;
    if (verdict === undefined || !("expected" in verdict) || consensus == null) return [];
    return [{ expected: verdict.expected, human: Number(consensus) }];
  });
}
