// What a visitor of the demo page does.

const LOADED = 4 * 60_000;
const SCORED = 4 * 60_000;

/** Loads the default model and scores what the form holds. Returns the score as it is shown. */
export async function scoreExample(page) {
  const part = (id) => page.getByTestId(id);
  await part("load").click();
  await part("progress").waitFor({ state: "attached" });
  for (const [id, text] of [
    ["input", "Why is the sky blue?"],
    ["response", "Air scatters blue light more than red light, so blue comes from all over the sky."],
  ]) {
    if ((await part(id).inputValue()) === "") await part(id).fill(text);
  }
  // A click waits until the button is enabled, which is when the model is loaded.
  await part("score-button").click({ timeout: LOADED });
  await part("score").filter({ hasText: /\d/ }).waitFor({ timeout: SCORED });
  return part("score").innerText();
}
