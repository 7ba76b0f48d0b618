// node demo.mjs webgpu|wasm: judges an example on the demo page, as a visitor does; one JSON object on stdout.

import { launchVisitor, startServer } from "./lib.mjs";

const MINUTES = 10;
const backend = process.argv[2] ?? "webgpu";

async function main() {
  const server = await startServer();
  const context = await launchVisitor({ reducedMotion: "reduce" });
  try {
    context.setDefaultTimeout(MINUTES * 60_000);
    const page = await context.newPage();
    const part = (id) => page.getByTestId(id);
    await page.goto(`${server.origin}/`);
    await part("backend").selectOption(backend);
    await part("load").click();
    await part("judge-facts").waitFor();
    await part("example").first().click();
    await part("critique-toggle").setChecked(false);
    await part("score-button").click();
    await part("spent").waitFor();
    const told = async (id) => (await part(id).innerText()).replaceAll(/\s+/g, " ");
    console.log(
      JSON.stringify({ score: await told("score"), spent: await told("spent"), judge: await told("judge-facts") }),
    );
  } finally {
    await context.close();
    server.close();
  }
}

try {
  await main();
} catch (error) {
  // The first line only: the page's stack does not help the caller.
  console.error(`error: ${error.message.split("\n")[0]}`);
  process.exitCode = 1;
}
