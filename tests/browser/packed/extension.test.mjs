// The example extension, with the package from its tarball, in a browser that has it installed.

import assert from "node:assert/strict";
import { cpSync, mkdirSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launchWithProfile, model } from "../lib.mjs";
import { minutes } from "../session.mjs";
import { project, run, temporary } from "../tarball.mjs";
import { isGolden } from "./spider.mjs";

describe("the extension", () => {
  let browser;
  let worker;

  before(async () => {
    const app = await project("extension", "extension");
    await run("npm", ["run", "build"], app);
    const dist = join(app, "dist");
    mkdirSync(join(dist, "models"));
    cpSync(model, join(dist, "models", basename(model)));
    const installed = [`--disable-extensions-except=${dist}`, `--load-extension=${dist}`];
    browser = await launchWithProfile(temporary("extension-profile"), ...installed);
    worker = browser.serviceWorkers()[0] ?? (await browser.waitForEvent("serviceworker"));
  });

  after(() => browser?.close());

  test("judges in its panel what was selected on a page", minutes(5), async () => {
    const panel = await browser.newPage();
    const said = [];
    panel.on("console", (message) => said.push(`${message.type()}: ${message.text()}`));
    panel.on("pageerror", (error) => said.push(`error: ${error.message}`));
    await panel.goto(new URL("/panel.html", worker.url()).href);
    const answer = panel.locator("#response");
    const example = await answer.inputValue();
    // Dispatch the event of a click in the menu. Only a real click can also open the panel.
    const select = (selectionText) =>
      worker.evaluate(
        (click) => chrome.contextMenus.onClicked.dispatch(click, { windowId: chrome.windows.WINDOW_ID_CURRENT }),
        { menuItemId: "judge", selectionText },
      );
    await select("Eight.");
    await panel.waitForFunction(() => document.getElementById("response").value === "Eight.");
    await select(example);
    await panel.waitForFunction((text) => document.getElementById("response").value === text, example);
    await panel.getByRole("button", { name: "Judge" }).click();
    const output = panel.locator("output").filter({ hasText: /\S/ });
    await output.waitFor({ timeout: 4 * 60_000 });
    const text = await output.innerText();
    assert.match(text, /^\{/, text);
    isGolden(JSON.parse(text));
    assert.deepEqual(said, [], "nothing to warn of");
  });
});
