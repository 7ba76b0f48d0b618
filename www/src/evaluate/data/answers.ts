import type { RowVerdict } from "lunette";
import { placeOf } from "../../data/rubric";
import type { RubricDraft, Task } from "./form";

/** What a person can say of a row. */
export type Answer = number | string;

/** One of the answers of a rubric, with what the keyboard and the eye need of it. */
export interface Choice {
  value: Answer;
  name: string;
  meaning: string;
  /** Keys that give this answer. The first one is shown. */
  keys: string[];
  /** The lit share of its moon. */
  lit: number;
}

export type AnyVerdict = NonNullable<RowVerdict["verdicts"]>[string];

/** Keys with another meaning while labelling. */
const TAKEN = ["u", "s"];

const PAIR: Choice[] = [
  { value: "a", name: "A", meaning: "Response A is the better one.", keys: ["a", "1", "ArrowLeft"], lit: 1 },
  { value: "tie", name: "A tie", meaning: "Neither is better.", keys: ["t", "0", "ArrowDown"], lit: 0.5 },
  { value: "b", name: "B", meaning: "Response B is the better one.", keys: ["b", "2", "ArrowRight"], lit: 1 },
];

/** The answers of a rubric, in its order. */
export function choicesOf(task: Task, { levels, labels }: Pick<RubricDraft, "levels" | "labels">): Choice[] {
  if (task === "compare") return PAIR;
  if (task === "score") {
    // A level of one digit has its own key; other scales are counted.
    const own = levels.every(({ score }) => /^\d$/.test(String(score)));
    return levels.map(({ score, description }, index) => ({
      value: score,
      name: String(score),
      meaning: description,
      keys: own ? [String(score)] : counted(index),
      lit: placeOf(index, levels.length),
    }));
  }
  const letters = labels.map(({ label }) => label.charAt(0).toLowerCase());
  return labels.map(({ label, description }, index) => {
    const letter = letters[index] ?? "";
    const alone = letter !== "" && letters.indexOf(letter) === letters.lastIndexOf(letter) && !TAKEN.includes(letter);
    const keys = alone && !/\d/.test(letter) ? [letter, ...counted(index)] : counted(index);
    return { value: label, name: label, meaning: description, keys, lit: 1 };
  });
}

const counted = (index: number): string[] => (index < 9 ? [String(index + 1)] : []);

/** The answer of a verdict. */
export function answerOf(verdict: AnyVerdict): Answer {
  if ("winner" in verdict) return verdict.winner;
  return "label" in verdict ? verdict.label : verdict.score;
}

export function nameOf(answer: unknown): string {
  if (answer === "a" || answer === "b") return answer.toUpperCase();
  if (answer === "tie") return "a tie";
  return typeof answer === "string" ? answer : typeof answer === "number" ? plain(answer) : "–";
}

const plain = (n: number): string => (Number.isInteger(n) ? String(n) : n.toFixed(2));

/** The probability of each answer, in the rubric's order. */
export function probabilities(verdict: AnyVerdict): [name: string, p: number][] {
  if ("winner" in verdict)
    return [
      ["A", verdict.probabilityA],
      ["B", 1 - verdict.probabilityA],
    ];
  return Object.entries(verdict.distribution);
}

/** What people said of a row under a rubric, without the raters that said nothing. */
export const saidOf = (row: RowVerdict, rubric: string): unknown[] =>
  (row.labels?.[rubric] ?? []).filter((label) => label !== null);

/** Whether a row lacks a verdict under some rubric. */
export const hasFailed = ({ error, errors }: RowVerdict): boolean =>
  error !== undefined || (errors !== undefined && Object.keys(errors).length > 0);
