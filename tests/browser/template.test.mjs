// A chat template in place of the file's: a file without one can then judge, and `chatPrompt` shows what the model reads.

import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CHAT_TEMPLATE, tinyJudge } from "./gguf.mjs";
import { minutes, packagePage, server } from "./session.mjs";

const MESSAGES = [{ role: "user", content: "Say <|end|>" }];
const TASK = { input: "q", response: "r", rubric: { objective: "Good?", scale: { 1: "No.", 2: "Yes." } } };

/** Loads a file, shows a conversation and judges. Returns what the model reads, with its verdict or the errors' codes. */
async function use(source, options = {}) {
  const page = await packagePage();
  return page.evaluate(
    async ([source, options, messages, task]) => {
      const judge = await lunette.Judge.load(source, { backend: "wasm", cache: false, ...options });
      try {
        const code = (error) => error.code;
        const shown = await judge.engine.chatPrompt(messages).catch(code);
        const verdict = await judge.score(task, { critique: false }).catch(code);
        if (typeof shown === "string") return { shown, verdict };
        return {
          text: shown.text,
          length: shown.tokens.length,
          special: [...shown.special],
          expected: verdict.expected,
        };
      } finally {
        await judge.dispose();
      }
    },
    [source, options, MESSAGES, TASK],
  );
}

describe("a chat template of the caller's", () => {
  before(async () => {
    const { files } = await server();
    files.set("bare.gguf", tinyJudge({ chatTemplate: null }));
    files.set("broken.gguf", tinyJudge({ chatTemplate: "{{ raise_exception('broken') }}" }));
    files.set("whole.gguf", tinyJudge());
  });

  test("lets a file without one judge", minutes(2), async () => {
    assert.deepEqual(await use("/files/bare.gguf"), { shown: "chat-template", verdict: "chat-template" });
    const shown = await use("/files/bare.gguf", { chatTemplate: CHAT_TEMPLATE });
    assert.deepEqual(shown, await use("/files/whole.gguf"));
    // Only the template's own marker is a control token. The model's file has a first token too.
    assert.match(shown.text, /user: Say <\|end\|><\|end\|>assistant: $/);
    assert.equal(shown.special.at(-1), shown.length - "assistant: ".length - 1);
    assert.ok(shown.expected >= 1 && shown.expected <= 2);
  });

  test("replaces a broken one, also as part of a reference, and comes before that", minutes(2), async () => {
    assert.equal((await use("/files/broken.gguf")).verdict, "chat-template");
    const ref = { url: "/files/broken.gguf", chatTemplate: CHAT_TEMPLATE };
    assert.match((await use(ref)).text, /assistant: $/);
    assert.match((await use(ref, { chatTemplate: "{{ messages[0].content }}!" })).text, /Say <\|end\|>!$/);
  });

  test("prints the date that the caller gives", minutes(2), async () => {
    const chatTemplate = "{{ strftime_now('%d %B %Y') }}";
    assert.match((await use("/files/bare.gguf", { chatTemplate })).text, /26 July 2024$/);
    assert.match((await use("/files/bare.gguf", { chatTemplate, date: "2026-11-26" })).text, /26 November 2026$/);
  });

  test("that cannot be parsed fails the load and the plan", minutes(2), async () => {
    const page = await packagePage();
    for (const call of ["Judge.load", "planLoad"]) {
      const code = await page.evaluate(
        ([call, options]) => {
          const work = call === "planLoad" ? lunette.planLoad : (...args) => lunette.Judge.load(...args);
          return work("/files/bare.gguf", options).then(
            () => "none",
            (error) => error.code,
          );
        },
        [call, { backend: "wasm", cache: false, chatTemplate: "{% if %}" }],
      );
      assert.equal(code, "chat-template", call);
    }
  });
});
