import answers from "../examples/sets/answers.csv?raw";
import pairs from "../examples/sets/pairs.jsonl?raw";
import { newForm, newRubric } from "./data/form";
import type { Form } from "./data/form";

/** Rows in our own words, with the labels that we gave them. */
export interface ExampleSet {
  name: string;
  file: string;
  text: string;
  /** Returns a new one at each call, because the page changes it. */
  form: () => Form;
}

export const SETS: ExampleSet[] = [
  {
    name: "24 short answers",
    file: "answers.csv",
    text: answers,
    form: () => ({ ...newForm(), rubrics: [newRubric("correctness", "Is the answer correct and complete?")] }),
  },
  {
    name: "12 pairs",
    file: "pairs.jsonl",
    text: pairs,
    form: () => ({
      ...newForm(),
      task: "compare",
      rubrics: [newRubric("helpfulness", "Which response is correct and does what was asked?")],
    }),
  },
];
