import { useJudge, useVerdict } from "lunette/react";

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
  const { state, judge, progress, error } = useJudge("models/SmolLM2-135M-Instruct.Q4_1.gguf");
  const { run, verdict, error: failure } = useVerdict(judge);
  const fault = error ?? failure;

  return (
    <>
      <button disabled={state !== "ready"} onClick={() => run(task, { critique: false })}>
        Judge
      </button>
      {state === "loading" && <progress value={progress?.total ? progress.loaded / progress.total : 0} />}
      <output style={{ whiteSpace: "pre" }}>
        {fault ? `${fault.code}: ${fault.message}` : verdict && JSON.stringify(verdict, null, 2)}
      </output>
    </>
  );
}
