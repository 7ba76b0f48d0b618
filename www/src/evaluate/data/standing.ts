import type { Report, RowVerdict } from "lunette";

/** Where a row stands: what people agree on, and how far the judge is from it. */
export interface Standing {
  consensus: string | null;
  disagreement: number | null;
}

/** The rows of a rubric by their number. A report lists them in the order of the results that it was made of. */
export function byRow(report: Report, rubric: string, results: readonly RowVerdict[]): Map<number, Standing> {
  const standings = report.rows.filter((row) => row.rubric === rubric);
  const found = new Map<number, Standing>();
  standings.forEach(({ consensus, disagreement }, i) => {
    const result = results[i];
    if (result) found.set(result.row, { consensus, disagreement });
  });
  return found;
}
