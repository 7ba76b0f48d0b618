import type { RowVerdict } from "lunette";
import type { Answer } from "../data/answers";
import type { HandLabels } from "../data/store";

interface Step {
  row: number;
  rubric: string;
  before: Answer | undefined;
}

/** The labels that are given by hand, and the way back. */
export class HandLabelling {
  /** By the number of their row, with holes. A new object tells of a change. */
  #given = $state.raw<{ list: HandLabels[] }>({ list: [] });
  #steps = $state.raw<Step[]>([]);

  /** @param keep saves the labels of a row. */
  constructor(private readonly keep: (row: number, labels: HandLabels) => void) {}

  /** Labelled rows. */
  readonly count = $derived(this.#given.list.filter((labels) => Object.keys(labels).length > 0).length);
  readonly canUndo = $derived(this.#steps.length > 0);

  reset(given: HandLabels[] = []): void {
    this.#given = { list: given };
    this.#steps = [];
  }

  of(row: number, rubric: string): Answer | undefined {
    return this.#given.list[row]?.[rubric];
  }

  give(row: number, rubric: string, answer: Answer): void {
    this.#steps = [...this.#steps, { row, rubric, before: this.of(row, rubric) }];
    this.#set(row, rubric, answer);
  }

  /** Takes the last label back. Returns its row. */
  undo(): number | undefined {
    const step = this.#steps.at(-1);
    this.#steps = this.#steps.slice(0, -1);
    if (step) this.#set(step.row, step.rubric, step.before);
    return step?.row;
  }

  /** The results with these labels as those of one more rater, who has a place in every row. */
  merge(results: readonly RowVerdict[], rubrics: readonly string[]): RowVerdict[] {
    const given = this.#given.list;
    if (this.count === 0) return [...results];
    const raters = rubrics.map((rubric) => ratersOf(results, rubric));
    return results.map((result) => {
      const own = given[result.row];
      if (own === undefined) return result;
      const labels = { ...result.labels };
      rubrics.forEach((rubric, i) => {
        const answer = own[rubric];
        if (answer === undefined) return;
        const others = labels[rubric] ?? [];
        const empty = Array.from({ length: Math.max((raters[i] ?? 0) - others.length, 0) }, () => null);
        labels[rubric] = [...others, ...empty, answer];
      });
      return { ...result, labels };
    });
  }

  /** The rows that were labelled by hand under a rubric, with these labels alone. */
  alone(results: readonly RowVerdict[], rubric: string): RowVerdict[] {
    return results.flatMap((result) => {
      const answer = this.of(result.row, rubric);
      return answer === undefined ? [] : [{ ...result, labels: { [rubric]: [answer] } }];
    });
  }

  #set(row: number, rubric: string, answer: Answer | undefined): void {
    const { list } = this.#given;
    const labels = Object.fromEntries(Object.entries({ ...list[row] }).filter(([name]) => name !== rubric));
    if (answer !== undefined) labels[rubric] = answer;
    list[row] = labels;
    this.#given = { list };
    this.keep(row, labels);
  }
}

const ratersOf = (results: readonly RowVerdict[], rubric: string): number =>
  results.reduce((most, { labels }) => Math.max(most, labels?.[rubric]?.length ?? 0), 0);
