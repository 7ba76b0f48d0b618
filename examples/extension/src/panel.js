import { Judge } from "lunette";

const [button, progress, output] = ["button", "progress", "output"].map((name) => document.querySelector(name));
const text = (id) => document.getElementById(id).value.trim();

const rubric = {
  objective: "Does the answer agree with the reference?",
  scale: {
    1: "Wrong, or no answer.",
    2: "Mostly wrong.",
    3: "Half right.",
    4: "Right, with a small flaw.",
    5: "Right and complete.",
  },
};

/** The last text that was selected on any page. */
function show({ selection }) {
  if (selection) document.getElementById("response").value = selection;
}
show(await chrome.storage.session.get("selection"));
chrome.storage.session.onChanged.addListener(({ selection }) => show({ selection: selection?.newValue }));

// Load the judge once, while the panel is open.
let loading;
const onProgress = ({ loaded, total }) => (progress.value = total ? loaded / total : 0);
const loadJudge = () =>
  (loading ??= Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", { onProgress }).catch((error) => {
    loading = undefined;
    throw error;
  }));

button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const judge = await loadJudge();
    const task = { input: text("input"), response: text("response"), reference: text("reference") || undefined, rubric };
    const verdict = await judge.score(task, { critique: false });
    output.textContent = JSON.stringify(verdict, null, 2);
  } catch (error) {
    output.textContent = `${error.code}: ${error.message}`;
  }
  button.disabled = false;
});
