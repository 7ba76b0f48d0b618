import { labelsOf, levelsOf } from "../data/rubric";
import { DEFAULT_WAYS } from "../data/setup";
import type { Drafts, Tab } from "../data/setup";
import labels from "../rubrics/labels/supported.json";
import financialBasis from "../rubrics/labels/financial-basis.json";
import codeReview from "../rubrics/scale/code-review.json";
import faithfulness from "../rubrics/criteria/faithfulness.json";
import medicalTerms from "../rubrics/criteria/medical-terminology.json";
import medical from "../rubrics/scale/medical-terminology.json";

/** An example, with a mistake that a judge should find. */
export interface Example<T extends Tab = Tab> {
  name: string;
  /** Returns a new copy at each call, because forms change it. */
  draft: () => Drafts[T];
}

const plain = () => ({ reference: "", context: "", ways: { ...DEFAULT_WAYS } });

const SKY = {
  question: "Explain to a curious ten-year-old why the sky is blue.",
  halfRight:
    "Sunlight looks white, but it is made of many colours mixed together. When it comes through the air, the blue " +
    "part bounces around more than the rest. The sky also mirrors the sea, which is why it is bluest at the coast.",
  right:
    "Sunlight looks white, but it is made of all the colours of the rainbow. The air is full of tiny bits, far too " +
    "small to see, and they bounce blue light around much more than red. So wherever you look up, some of that " +
    "bouncing blue light comes into your eyes.",
  technical: "Rayleigh scattering by molecules goes with the inverse fourth power of the wavelength.",
  wrong: "The sky is blue because it reflects the oceans, which cover most of the Earth.",
};

const PASSAGE =
  "Store the vaccine in a refrigerator at 2 °C to 8 °C. Do not freeze. An unopened vial may be kept at up to 25 °C for a " +
  "single period of at most 12 hours; after that it must be discarded, even if it was put back into the refrigerator.";

const MEMO =
  "Consolidated results, in millions of euros. Revenue: 4,812 (2024), 4,390 (2023). Operating profit: 578 (2024), 615 " +
  "(2023). Net profit: 402 (2024), 431 (2023).";

const TERM = {
  question: "The letter says that I have “benign paroxysmal positional vertigo”. What does that mean?",
  plain:
    "It is a kind of dizziness that is not dangerous. Benign: it is not a sign of a serious illness. Paroxysmal: it comes " +
    "in short, sudden attacks. Positional: moving your head sets it off, as when you turn over in bed. Vertigo is the " +
    "feeling that the room spins. Tiny crystals in the inner ear have slipped out of place, and a doctor can often bring " +
    "them back with a few slow movements of the head.",
  alarming:
    "BPPV is a vestibular disorder due to canalithiasis of the posterior semicircular canal. It may be a warning of a " +
    "stroke, so you should avoid all movement of the head until it has been treated.",
};

const EXAMPLES: { [T in Tab]: Example<T>[] } = {
  score: [
    {
      name: "Why the sky is blue",
      draft: () => ({
        ...plain(),
        input: SKY.question,
        response: SKY.halfRight,
        objective: "Is the explanation correct, and can a child of ten follow it?",
        levels: [
          "Wrong, or no explanation at all.",
          "Mostly wrong, or far beyond a child.",
          "Partly correct, with a real mistake or a gap that matters.",
          "Correct and clear, with a small gap or a clumsy part.",
          "Correct, complete and a pleasure for a child to read.",
        ].map((description, index) => ({ score: index + 1, description })),
      }),
    },
    {
      name: "A term for a patient",
      draft: () => ({
        ...plain(),
        input: TERM.question,
        response: TERM.plain,
        objective: medical.objective,
        levels: levelsOf(medical.scale),
      }),
    },
    {
      name: "A review of code",
      draft: () => ({
        ...plain(),
        input: "Write a JavaScript function that returns the mean of an array of numbers.",
        response:
          "function mean(numbers) {\n  let sum = 0;\n  for (const n of numbers) sum += n;\n  return sum / numbers.length;\n}",
        objective: codeReview.objective,
        levels: levelsOf(codeReview.scale),
      }),
    },
  ],
  classify: [
    {
      name: "Does the leaflet say so?",
      draft: () => ({
        ...plain(),
        input: "A vial stood at room temperature for ten hours and went back into the refrigerator. May I use it?",
        response: "Yes. An unopened vial may stand at up to 25 °C once for at most 12 hours, so you may use it today.",
        context: PASSAGE,
        objective: labels.objective,
        labels: labelsOf(labels.labels),
      }),
    },
    {
      name: "A margin from a report",
      draft: () => ({
        ...plain(),
        input: "What was the operating margin in 2024?",
        response: "Operating profit of 615 million on revenue of 4,812 million gives a margin of 12.8%.",
        context: MEMO,
        objective: financialBasis.objective,
        labels: labelsOf(financialBasis.labels),
      }),
    },
    {
      name: "Polite, yes or no",
      draft: () => ({
        ...plain(),
        input: "Can I return these shoes? I wore them once.",
        response: "Read the policy. It is on the website, where it has always been.",
        objective: "Would a customer find this reply polite?",
        labels: [
          { label: "Yes", description: "It is friendly, or at least neutral, and helps with the question." },
          { label: "No", description: "It is curt, sarcastic or dismissive." },
        ],
      }),
    },
  ],
  compare: [
    {
      name: "Two answers to a child",
      draft: () => ({
        ...plain(),
        input: SKY.question,
        responses: [SKY.right, SKY.technical],
        objective: "Which explanation is correct and easier for a child of ten to follow?",
      }),
    },
    {
      name: "Two letters to a patient",
      draft: () => ({
        ...plain(),
        input: TERM.question,
        responses: [TERM.alarming, TERM.plain],
        objective: medicalTerms.objective,
      }),
    },
    {
      name: "Which keeps to the leaflet?",
      draft: () => ({
        ...plain(),
        input: "How long may a vial stand outside the refrigerator?",
        responses: [
          "At most 12 hours, once, unopened and at no more than 25 °C. After that it must be discarded.",
          "For about a day, as long as it does not freeze and goes back into the refrigerator.",
        ],
        context: PASSAGE,
        objective: faithfulness.objective,
      }),
    },
  ],
  rank: [
    {
      name: "Four answers to a child",
      draft: () => ({
        ...plain(),
        ways: { ...DEFAULT_WAYS, critique: false },
        input: SKY.question,
        responses: [SKY.halfRight, SKY.right, SKY.technical, SKY.wrong],
        objective: "Which explanation is correct and easier for a child of ten to follow?",
      }),
    },
    {
      name: "Three subject lines",
      draft: () => ({
        ...plain(),
        ways: { ...DEFAULT_WAYS, critique: false },
        input: "Write the subject line of a message that moves Thursday’s meeting from 10 to 14 o’clock.",
        responses: [
          "Thursday’s meeting moves to 14:00",
          "A small change!",
          "Update regarding our upcoming meeting this week",
        ],
        objective: "Which subject line tells the reader more of what they need to know?",
      }),
    },
  ],
};

export const examples = <T extends Tab>(tab: T): Example<T>[] => EXAMPLES[tab];

/** The initial content of the forms. */
export function firstDrafts(): Drafts {
  const first = <T extends Tab>(tab: T): Drafts[T] => {
    const [example] = EXAMPLES[tab];
    if (example === undefined) throw new Error(`no example of ${tab}`);
    return example.draft();
  };
  return { score: first("score"), classify: first("classify"), compare: first("compare"), rank: first("rank") };
}
