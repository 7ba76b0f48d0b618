"use client";

import { Judge } from "lunette";
import { useState } from "react";

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

export function Spider() {
  const [progress, setProgress] = useState(0);
  const [text, setText] = useState("");

  async function judgeIt() {
    try {
      const judge = await Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", {
        onProgress: ({ loaded, total }) => setProgress(total ? loaded / total : 0),
      });
      setText(JSON.stringify(await judge.score(task, { critique: false }), null, 2));
      await judge.dispose();
    } catch (error) {
      setText(`${error.code}: ${error.message}`);
    }
  }

  return (
    <>
      <button onClick={judgeIt}>Judge</button>
      <progress value={progress} />
      <output style={{ whiteSpace: "pre" }}>{text}</output>
    </>
  );
}
