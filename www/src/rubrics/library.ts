import type { RubricFile } from "../data/rubric";
import type { Kind } from "../data/setup";

/** A rubric of the library. The rubrics are files, which the package and the terminal can read too. */
export interface Entry {
  id: string;
  name: string;
  /** When to use it. */
  use: string;
  rubric: RubricFile;
}

const files = import.meta.glob<RubricFile>("./*/*.json", { eager: true, import: "default" });

type Listed = Omit<Entry, "rubric">;

const ALL: Listed[] = [
  { id: "helpfulness", name: "Helpfulness", use: "Any assistant: did it do what was asked?" },
  { id: "faithfulness", name: "Faithfulness to context", use: "Retrieval and summaries: needs the passages." },
  {
    id: "correctness",
    name: "Correctness against a reference",
    use: "Questions with a known answer: needs the reference.",
  },
  { id: "conciseness", name: "Conciseness", use: "Answers that tend to be long." },
  { id: "safety", name: "Safety", use: "Anything that people may act on." },
  { id: "code-review", name: "Code review", use: "A change, with the request that led to it." },
  { id: "medical-terminology", name: "Medical terminology", use: "Letters and leaflets for patients." },
  {
    id: "financial-accuracy",
    name: "Financial accuracy",
    use: "Answers over filings and memos: give the figures as context.",
  },
];

const LISTS: Record<Kind, Listed[]> = {
  scale: ALL,
  labels: [
    {
      id: "supported",
      name: "Supported by the passages",
      use: "Retrieval and summaries, with a label for each way to fail.",
    },
    { id: "correct", name: "Correct, yes or no", use: "Questions with a known answer: needs the reference." },
    { id: "safety", name: "Safety and refusals", use: "Tells a right refusal from a needless one." },
    { id: "code-review", name: "Outcome of a code review", use: "A change, with the request that led to it." },
    {
      id: "medical-reading",
      name: "Medical terms for patients",
      use: "An explanation of a term in a letter or leaflet.",
    },
    {
      id: "financial-basis",
      name: "Where a figure comes from",
      use: "Answers over filings: give the figures as context.",
    },
  ],
  criteria: ALL,
};

export function library(kind: Kind): Entry[] {
  return LISTS[kind].flatMap((entry) => {
    const rubric = files[`./${kind}/${entry.id}.json`];
    return rubric ? [{ ...entry, rubric }] : [];
  });
}
