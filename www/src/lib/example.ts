import type { Draft } from "./draft";

/** What the form holds at first: an answer with a true half and a false half, so that there is something to judge. */
export function example(): Draft {
  return {
    input: "Explain to a curious ten-year-old why the sky is blue.",
    response:
      "Sunlight looks white, but it is made of many colours mixed together. When it comes through the air, the blue " +
      "part bounces around more than the rest. The sky also mirrors the sea, which is why it is bluest at the coast.",
    reference: "",
    objective: "Is the explanation correct, and can a child of ten follow it?",
    levels: [
      "Wrong, or no explanation at all.",
      "Mostly wrong, or far beyond a child.",
      "Partly correct, with a real mistake or a gap that matters.",
      "Correct and clear, with a small gap or a clumsy part.",
      "Correct, complete and a pleasure for a child to read.",
    ],
  };
}
