// The page's reward tab, on a tiny model with a head, which `cargo xtask test` makes.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { assertAccessible, bringAxe } from "./accessible.mjs";
import { minutes } from "./session.mjs";
import { assertNoSideways, fill, LOADED, part, visit } from "./visitor.mjs";

const models = process.env.LUNETTE_ARCHITECTURES;
const number = async (locator) => Number((await locator.innerText()).replace("−", "-"));

describe("the page's reward tab", () => {
  test("a head is loaded beside the judge; responses are read while they are typed", minutes(4), async () => {
    assert.ok(models, "LUNETTE_ARCHITECTURES must name the folder of the tiny models, as `cargo xtask test` does");
    const { task, verdict: native } = JSON.parse(readFileSync(join(models, "llama.head.json"), "utf8"));
    const { page, context, troubles } = await visit();
    await bringAxe(page);
    await part(page, "tab-reward").click();
    await part(page, "head-file").waitFor({ state: "attached" });
    assert.ok(await part(page, "head-file").isDisabled(), "a head needs a model");
    await assertAccessible(page, "reward without a model");

    await part(page, "backend").selectOption("wasm");
    await part(page, "file").setInputFiles(join(models, "llama.gguf"));
    await part(page, "judge-facts").waitFor({ timeout: LOADED });
    // The page's own head is for another model, and says what it would fetch.
    await part(page, "own-head").getByText("Load it with its model (491 MB from huggingface.co)").waitFor();
    // A file that is no head leaves the judge as it was.
    await part(page, "head-file").setInputFiles(join(models, "llama.wide.lora"));
    await part(page, "error").getByText("an adapter without one").waitFor({ timeout: LOADED });
    await part(page, "judge-facts").waitFor({ timeout: LOADED });
    await part(page, "head-file").setInputFiles(join(models, "llama.head"));
    await part(page, "reward-input").waitFor({ timeout: LOADED });

    // The example is read by itself, both responses of it.
    await part(page, "trace").nth(1).waitFor({ timeout: LOADED });
    await part(page, "one").click();
    await fill(page, { "reward-input": task.input, "reward-response": task.response });
    const painted = part(page, "painted");
    await painted.getByText(task.response.slice(-12)).waitFor();
    await page.waitForFunction(
      ([text]) => document.querySelector("[data-testid=painted]")?.textContent.replace("▾", "") === text,
      [task.response],
    );
    assert.equal(await part(page, "trace").count(), 1);
    assert.ok(Math.abs((await number(part(page, "reward"))) - native.reward) < 0.01);
    assert.ok(Math.abs((await number(part(page, "end"))) - native.end) < 0.01);

    // A goal and a threshold of one's own.
    await part(page, "goal").selectOption("short");
    await part(page, "threshold").fill("1");
    await part(page, "summary").getByText("It falls below 1.00").waitFor();
    assert.equal(await painted.getByText("▾").count(), 1);
    await part(page, "two").click();
    await part(page, "reward-response").nth(1).fill("It is not dark.");
    await part(page, "trace").nth(1).waitFor();
    await part(page, "reward-status")
      .getByText(/^Response [AB] has the higher reward/)
      .waitFor();
    await page.getByText("Q of each token").first().click();
    await assertAccessible(page, "reward with two traces");
    for (const width of [360, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      await assertNoSideways(page);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });
});
