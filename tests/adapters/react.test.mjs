// `lunette/react` in a separate document, with each supported major version of React.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { JSDOM } from "jsdom";
import ts from "typescript";
import { LABELS, minutes, MODEL, SCALE } from "./common.mjs";
import { examples, folder } from "./guide.mjs";

const { window } = new JSDOM("<!doctype html><div id=root></div>");
Object.assign(globalThis, { window, document: window.document });
// Later versions of Node define it.
globalThis.navigator ??= window.navigator;
after(() => window.close());

async function until(condition, what) {
  const deadline = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const OPTIONS = { backend: "wasm", contextLength: 512 };
const task = { input: "1 + 1?", response: "2", rubric: SCALE };

for (const [version, folder] of [
  ["19", "./"],
  ["18", "./react18/"],
]) {
  const at = fileURLToPath(new URL(folder, import.meta.url));
  const require = createRequire(`${at}package.json`);
  const React = require("react");
  const { createRoot } = require("react-dom/client");
  const { renderToString } = require("react-dom/server");
  const { useJudge, useVerdict } = await import(pathToFileURL(`${at}node_modules/lunette/dist/node/react.js`));
  const h = React.createElement;

  /** Renders in StrictMode, which mounts everything twice. `seen` has the result of each render. */
  function render(use) {
    const seen = [];
    const root = createRoot(window.document.createElement("div"));
    const Component = (props) => {
      seen.push(use(props));
      return null;
    };
    const show = (props) => root.render(h(React.StrictMode, null, h(Component, props)));
    show({});
    return { seen, show, last: () => seen.at(-1), unmount: () => root.unmount() };
  }

  const states = (seen) => seen.map(({ state }) => state).filter((state, i, all) => state !== all[i - 1]);

  describe(`react ${version}`, () => {
    test("is the version that it claims to be", () => assert.equal(React.version.split(".")[0], version));

    test("useJudge loads once for all who want it, and lets go after the last", minutes(3), async () => {
      const first = render(() => useJudge(MODEL, OPTIONS));
      // The same model and options, in other objects.
      const second = render(() => useJudge(MODEL, { contextLength: 512, backend: "wasm" }));
      await until(() => first.last()?.state === "ready" && second.last()?.state === "ready", "both");
      assert.deepEqual(states(first.seen), ["loading", "ready"]);
      const { judge } = first.last();
      assert.equal(second.last().judge, judge, "one judge");
      assert.equal(judge.info.contextLength, 512);
      const progress = first.seen.flatMap((seen) =>
        seen.state === "loading" && seen.progress ? [seen.progress.phase] : [],
      );
      assert.ok(progress.length > 0, "it says how far it is");
      first.unmount();
      await new Promise((resolve) => setTimeout(resolve, 50));
      assert.ok((await judge.score(task, { critique: false })).score, "the other component still has it");
      second.unmount();
      await new Promise((resolve) => setTimeout(resolve, 50));
      await assert.rejects(judge.score(task), { code: "disposed" });
    });

    test("useJudge: nothing, another model, an error and another try", minutes(3), async () => {
      const shown = render(({ model, options = OPTIONS }) => useJudge(model, options));
      await until(() => shown.last()?.state === "idle", "idle");
      shown.show({ model: "./none.gguf" });
      await until(() => shown.last().state === "error", "the error");
      assert.equal(shown.last().error.code, "source");
      const before = shown.seen.length;
      shown.last().retry();
      await until(() => states(shown.seen.slice(before)).join() === "loading,error", "the second error");
      shown.show({ model: MODEL, options: { backend: "gpu" } });
      await until(() => shown.last().error?.code === "invalid-argument", "the wrong option");
      shown.show({ model: MODEL, options: { ...OPTIONS, onProgress: () => undefined } });
      await until(() => /options\.onProgress/.test(shown.last().error?.message), "what the hook does itself");
      shown.show({ model: MODEL });
      await until(() => shown.last().state === "ready", "the judge");
      const { judge } = shown.last();
      shown.show({});
      await until(() => shown.last().state === "idle", "idle again");
      await new Promise((resolve) => setTimeout(resolve, 50));
      await assert.rejects(judge.score(task), { code: "disposed" });
      shown.unmount();
    });

    test("useJudge: a load that nobody waits for is stopped", minutes(1), async () => {
      const shown = render(() => useJudge(MODEL, OPTIONS));
      await until(() => shown.last()?.state === "loading", "the beginning");
      shown.unmount();
      const { length } = shown.seen;
      await new Promise((resolve) => setTimeout(resolve, 200));
      assert.equal(shown.seen.length, length);
      const again = render(() => useJudge(MODEL, OPTIONS));
      await until(() => again.last()?.state === "ready", "another load");
      again.unmount();
    });

    test("useJudge on a server says that it loads, and does not", () => {
      const Page = () => h("p", null, useJudge(MODEL).state, " ", useJudge(null).state);
      assert.match(renderToString(h(Page)).replaceAll("<!-- -->", ""), /loading idle/);
    });

    test("useVerdict streams the critique, and says how it ended", minutes(4), async () => {
      const shown = render(() => {
        const { judge } = useJudge(MODEL, OPTIONS);
        return { judge, ...useVerdict(judge) };
      });
      await until(() => shown.last()?.state === "idle", "the first rendering");
      assert.equal(await shown.last().run(task), undefined);
      await until(() => shown.last().state === "error", "the refusal");
      assert.match(shown.last().error.message, /no judge yet/);
      await until(() => shown.last().judge !== undefined, "the judge");

      const before = shown.seen.length;
      const verdict = await shown.last().run(task, { maxTokens: 12 });
      await until(() => shown.last().state === "done", "the verdict");
      assert.equal(shown.last().verdict, verdict);
      assert.equal(shown.last().critique.trim(), verdict.critique.trim());
      const critiques = shown.seen.slice(before).map(({ critique }) => critique);
      assert.ok(new Set(critiques).size > 5, "it comes in pieces");

      const long = { maxTokens: 400 };
      const dropped = shown.last().run(task, long);
      await until(() => shown.last().critique.length > 0 && shown.last().state === "running", "the next critique");
      // A new task replaces the running one.
      const taken = shown.last().run({ ...task, response: "3" }, long);
      assert.equal(await dropped, undefined);
      await until(() => shown.last().critique.length > 0, "the third critique");
      shown.last().cancel();
      assert.equal(await taken, undefined);
      await until(() => shown.last().state === "canceled", "the end");
      await shown.last().run({ ...task, rubric: LABELS });
      await until(() => shown.last().state === "error", "what is wrong with the task");
      assert.equal(shown.last().error.code, "invalid-argument");
      shown.unmount();
    });

    test("useVerdict classifies and compares, and stops with its component", minutes(4), async () => {
      const shown = render(() => {
        const { judge } = useJudge(MODEL, OPTIONS);
        return { judge, classes: useVerdict(judge, "classify"), pairs: useVerdict(judge, "compare") };
      });
      await until(() => shown.last()?.judge !== undefined, "the judge");
      const { classes, pairs } = shown.last();
      const quick = { critique: false };
      assert.ok(["Yes", "No"].includes((await classes.run({ ...task, rubric: LABELS }, quick)).label));
      const pair = { input: "1 + 1?", responseA: "2", responseB: "3", criteria: "Which is right?" };
      assert.ok(["a", "b", "tie"].includes((await pairs.run(pair, quick)).winner));
      const running = classes.run({ ...task, rubric: LABELS }, { maxTokens: 400 });
      shown.unmount();
      assert.equal(await running, undefined);
    });
  });
}

test("the guide's example, as somebody uses it", minutes(4), async () => {
  const [code, ...others] = examples("react.md", "tsx");
  assert.deepEqual(others, []);
  const jsx = ts.JsxEmit.ReactJSX;
  const { ESNext } = ts.ModuleKind;
  const { outputText } = ts.transpileModule(code.replace("/models/", "./"), {
    compilerOptions: { jsx, module: ESNext, target: ts.ScriptTarget.ES2022 },
  });
  const at = folder(import.meta.dirname);
  writeFileSync(join(at, "App.mjs"), outputText.replace("./SmolLM2", `${at}/SmolLM2`));
  const { default: App } = await import(pathToFileURL(join(at, "App.mjs")));
  const require = createRequire(import.meta.url);
  const React = require("react");
  const { createRoot } = require("react-dom/client");
  const { document } = window;
  const root = createRoot(document.getElementById("root"));
  root.render(React.createElement(React.StrictMode, null, React.createElement(App)));
  await until(() => document.querySelector("progress"), "the progress");
  await until(() => document.querySelector("textarea"), "the form");
  document.querySelector("form").requestSubmit();
  await until(() => document.querySelector("p").textContent.length > 0, "the critique");
  assert.ok(document.querySelector("button[type=button]"), "it can be stopped");
  await until(() => document.querySelector("output"), "the verdict");
  assert.match(document.querySelector("output").textContent, /^[123]\.\d\d$/);
  assert.equal(document.querySelector("button[type=button]"), null);
  root.unmount();
});
