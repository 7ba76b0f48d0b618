// Nothing is sent, by the logs of a server and of the browser's network stack.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { launchWithProfile } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { project, temporary } from "../tarball.mjs";
import { serve } from "./serve.mjs";

const VERDICTS = 20;

/** Runs on the page: loads the model and judges. The prompts are short, because only their number matters. */
async function session(verdicts) {
  const { Judge } = await import("lunette");
  const phases = new Set();
  const judge = await Judge.load("models/SmolLM2-135M-Instruct.Q4_1.gguf", {
    backend: "wasm",
    onProgress: ({ phase }) => phases.add(phase),
  });
  const template = `user_template: "{user_input}\\n{assistant_response}\\n{rubric}"`;
  const rubric = { objective: "Is it true?", scale: { 1: "No.", 2: "Yes." } };
  const scores = [];
  for (let i = 0; i < verdicts; i++) {
    const task = { input: "Count.", response: `Number ${i}.`, rubric };
    scores.push((await judge.score(task, { critique: false, template })).score);
  }
  await judge.dispose();
  return { phases: [...phases], scores: scores.length };
}

test(`from a load out of the cache through ${VERDICTS} verdicts there is no request`, minutes(10), async (t) => {
  const app = await project("network", "script-tag");
  // Cache headers of files with a version in their name.
  const host = await serve(app, { maxAge: 3600 });
  const log = temporary("net-log.json");
  const browser = await launchWithProfile(temporary("network-profile"), `--log-net-log=${log}`);
  try {
    const page = await browser.newPage();
    await page.goto(host.url);
    const first = await page.evaluate(session, 1);
    assert.ok(first.phases.includes("download"), "the first load fetches the model");
    t.diagnostic(`first load: ${host.requests.length} requests`);

    const before = host.requests.length;
    const second = await page.evaluate(session, VERDICTS);
    assert.equal(second.scores, VERDICTS);
    assert.ok(!second.phases.includes("download"), second.phases.join(", "));
    assert.deepEqual(host.requests.slice(before), []);
  } finally {
    // The log is complete once the browser has ended.
    await browser.close();
    host.close();
  }
  const { origin } = new URL(host.url);
  // The browser sends its own requests too. Only count those of the page and its worker.
  const { events } = JSON.parse(readFileSync(log, "utf8"));
  const asked = events.filter(({ params }) => params?.initiator === origin).map(({ params }) => params.url);
  assert.ok(asked.length > 20, "the log saw the page's own requests");
  assert.deepEqual(
    asked.filter((url) => !url.startsWith(`${origin}/`)),
    [],
  );
});
