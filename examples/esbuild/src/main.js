import { Judge } from "lunette";

const button = document.querySelector("button");
const progress = document.querySelector("progress");
const output = document.querySelector("output");

const task = {
  input: "How many legs has a spider?",
  response: "A spider has six legs, as all insects do.",
  reference: "Eight: spiders are arachnids, not insects.",
  rubric: {
    objective: "Does the answer agree with the reference?",
    scale: {
      1: "Wrong, or no answer.",
      2: "Mostly wrong.",
      3: "Half right.",
      4: "Right, with a small flaw.",
      5: "Right and complete.",
    },
  },
};

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const judge = await Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", {
      onProgress: ({ loaded, total }) => (progress.value = total ? loaded / total : 0),
    });
    const verdict = await judge.score(task, { critique: false });
    output.textContent = JSON.stringify(verdict, null, 2);
    await judge.dispose();
  } catch (error) {
    output.textContent = `${error.code}: ${error.message}`;
  }
  button.disabled = false;
});
