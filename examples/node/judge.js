// node judge.js MODEL [wasm|webgpu]: one verdict as JSON. WebGPU needs `npm install webgpu` too.

import { Judge } from "lunette";

const [model = "models/SmolLM2-135M-Instruct.Q4_1.gguf", backend = "auto"] = process.argv.slice(2);

const judge = await Judge.load(model, { backend });
const verdict = await judge.score(
  {
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
  },
  { critique: false },
);
console.log(JSON.stringify({ backend: judge.info.backend, ...verdict }));
await judge.dispose();
