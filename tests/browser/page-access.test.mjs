// Accessibility of the page: axe's rules, the keyboard, and all widths of a window.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertAccessible, bringAxe } from "./accessible.mjs";
import { minutes } from "./session.mjs";
import { assertNoSideways, judge, load, openTab, part, visit } from "./visitor.mjs";

const TABS = ["score", "classify", "compare", "rank"];

describe("the page for everybody", () => {
  test("axe finds no violation on any view, light or dark", minutes(12), async () => {
    const { page, context } = await visit();
    await bringAxe(page);
    await page.getByText("more models of the catalogue").click();
    await part(page, "plan").first().filter({ hasText: "This machine can hold it" }).waitFor({ timeout: 60_000 });
    for (const tab of TABS) {
      await openTab(page, tab);
      await page.getByText("How it is judged").click();
      await assertAccessible(page, `${tab} before a verdict`);
    }
    for (const dialog of ["library", "share", "privacy"]) {
      await part(page, dialog).click();
      await page.getByRole("dialog").waitFor();
      await assertAccessible(page, dialog);
      await page.keyboard.press("Escape");
      await page.getByRole("dialog").waitFor({ state: "detached" });
    }
    await load(page);
    for (const tab of TABS) {
      await openTab(page, tab);
      await part(page, "example").last().click();
      await judge(page, { critique: tab === "score" });
      await assertAccessible(page, `${tab} with a verdict`);
    }
    await part(page, "change").click();
    await part(page, "shelf").getByText("1 model").click();
    await assertAccessible(page, "choosing another judge");
    await context.close();
  });

  test("the keyboard gets everywhere, and is always seen", minutes(3), async () => {
    const { page, context } = await visit();
    const seen = new Set();
    const bare = [];
    for (let i = 0; i < 80; i++) {
      await page.keyboard.press("Tab");
      const at = await page.evaluate(() => {
        const { activeElement: element } = document;
        if (element === document.body) return undefined;
        // The label of a hidden file field shows the focus.
        const shown = element.classList.contains("visually-hidden") ? element.closest("label") : element;
        const { outlineStyle, outlineWidth } = getComputedStyle(shown);
        const name = element.dataset.testid ?? element.getAttribute("aria-label") ?? element.textContent.trim();
        return { name, visible: outlineStyle !== "none" && parseFloat(outlineWidth) >= 2 };
      });
      if (at === undefined) break;
      seen.add(at.name);
      if (!at.visible) bare.push(at.name);
    }
    assert.deepEqual(bare, [], "a focused control without an outline");
    for (const id of [
      "privacy",
      "load",
      "file",
      "url",
      "backend",
      "tab-score",
      "input",
      "response",
      "library",
      "level",
    ]) {
      assert.ok(seen.has(id), `${id} is reached`);
    }
    await part(page, "tab-score").focus();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    assert.equal(await part(page, "tab-classify").getAttribute("aria-selected"), "true");
    await part(page, "library").focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    assert.ok(await part(page, "library").evaluate((button) => button === document.activeElement), "focus comes back");
    await context.close();
  });

  test("Ctrl and Enter judge from any field", minutes(5), async () => {
    const { page, context } = await visit();
    await load(page);
    await part(page, "critique-toggle").uncheck();
    await part(page, "response").focus();
    await page.keyboard.press("Control+Enter");
    await part(page, "score").waitFor({ timeout: 120_000 });
    await context.close();
  });

  test("no window is too narrow or too wide", minutes(4), async () => {
    const { page, context } = await visit();
    for (const width of [360, 390, 768, 1024, 1440, 2560, 3840]) {
      await page.setViewportSize({ width, height: Math.round(width * 0.6) });
      for (const tab of TABS) {
        await openTab(page, tab);
        await assertNoSideways(page);
      }
      const used = await page.locator("main").evaluate((main) => main.getBoundingClientRect().width / innerWidth);
      assert.ok(used > 0.6, `${Math.round(100 * used)}% of ${width} pixels are used`);
    }
    await context.close();
  });

  test("nothing moves for those who asked for that", minutes(2), async () => {
    const { page, context } = await visit({ reducedMotion: "reduce" });
    const moving = await page.evaluate(
      () =>
        [...document.querySelectorAll("*")].filter((element) => {
          const { transitionDuration, animationName } = getComputedStyle(element);
          return animationName !== "none" || transitionDuration.split(",").some((time) => parseFloat(time) > 0);
        }).length,
    );
    assert.equal(moving, 0);
    await context.close();
  });
});
