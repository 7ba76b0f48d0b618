// node verdict.mjs webgpu|wasm: judges the built-in example with the built package; one JSON object on stdout.

import { example, launch, loadJudge, openPackage, startServer } from "./lib.mjs";

const MINUTES = 10;
const backend = process.argv[2] ?? "webgpu";
const say = (text) => console.error(`▸ ${text}`);

async function main() {
  const server = await startServer();
  const browser = await launch();
  // Use a time limit, so that a browser that hangs does not hang the caller.
  const timer = setTimeout(() => {
    console.error(`error: no verdict within ${MINUTES} minutes`);
    process.exit(1);
  }, MINUTES * 60_000);
  try {
    say(`Chromium ${browser.version()}: loading the default model on ${backend}`);
    const page = await openPackage(browser, server.origin);
    const { info } = await loadJudge(page, backend);
    say(`${info.name} (${info.architecture}, ${info.quantization}) on ${info.backend}, ${info.adapter}`);
    say("judging the example: one pass over the prompt, no critique");
    const verdict = await page.evaluate((task) => judge.score(task, { critique: false }), example);
    const { backend: used, adapter, name, architecture, quantization } = info;
    const judge = { name, architecture, quantization };
    console.log(JSON.stringify({ ...verdict, backend: used, adapter, model: judge }));
  } finally {
    clearTimeout(timer);
    await browser.close();
    server.close();
  }
}

try {
  await main();
} catch (error) {
  // Print the first line only: the page's stack does not help the caller.
  console.error(`error: ${error.message.replace("page.evaluate: ", "").split("\n    at ")[0]}`);
  process.exitCode = 1;
}
