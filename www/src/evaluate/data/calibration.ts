import type { Report } from "lunette";

/** The judge's expected score of a row, and what people agree on. */
export interface LabelledScore {
  expected: number;
  human: number;
}

export function labelledScores(report: Report, rubric: string): LabelledScore[] {
  return report.rows.flatMap((row) => {
    if (row.rubric !== rubric || row.task !== "score" || row.verdict === null || row.consensus === null) return [];
    return [{ expected: row.verdict.expected, human: Number(row.consensus) }];
  });
}
