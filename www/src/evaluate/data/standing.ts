import type { Report, RowVerdict } from "lunette";

/** Where a row stands: what people agree on, and how far the judge is from it. */
export interface Standing {
  consensus: string | null;
  disagreement: number | null;
}

/** By the number of the row. */
export type Standings = ReadonlyMap<number, Standing>;

/** The standings of each rubric. */
export type ByRubric = ReadonlyMap<string, Standings>;

export const NOWHERE: ByRubric = new Map();

/** What a report says of all rows together. */
export type Figures = Omit<Report, "rows">;

export function figuresOf(report: Report): Figures {
  const figures: Figures & { rows?: Report["rows"] } = { ...report };
  delete figures.rows;
  return figures;
}

/** The rows of each rubric. A report lists them in the order of the results that it was made of. */
export function standingsOf(report: Report, results: readonly RowVerdict[]): ByRubric {
  const found = new Map<string, Map<number, Standing>>();
  const seen = new Map<string, number>();
  for (const { rubric, consensus, disagreement } of report.rows) {
    const place = seen.get(rubric) ?? 0;
    seen.set(rubric, place + 1);
    const own = found.get(rubric) ?? new Map<number, Standing>();
    found.set(rubric, own);
    const result = results[place];
    if (result) own.set(result.row, { consensus, disagreement });
  }
  return found;
}
