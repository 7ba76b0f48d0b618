// The rubric editor, its library and its files, and links with a whole case.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { deflateRawSync, inflateRawSync } from "node:zlib";
import { root } from "./lib.mjs";
import { minutes, packagePage } from "./session.mjs";
import { openTab, part, visit } from "./visitor.mjs";

const RUBRICS = join(root, "www/src/rubrics");
const values = (locator) => locator.evaluateAll((fields) => fields.map(({ value }) => value));

describe("the page's rubrics", () => {
  test("levels are added, moved and removed, and keep their scores in order", minutes(2), async () => {
    const { page, context } = await visit();
    const levels = () => values(part(page, "level"));
    const [one, two, three, four, five] = await levels();
    await page.getByRole("button", { name: "Move score 2 up" }).click();
    assert.deepEqual(await levels(), [two, one, three, four, five]);
    await page.getByRole("button", { name: "Remove score 3" }).click();
    assert.deepEqual(await levels(), [two, one, four, five]);
    await part(page, "add").click();
    await page.keyboard.type("Beyond praise.");
    assert.deepEqual(await levels(), [two, one, four, five, "Beyond praise."], "the new level has the keyboard");
    const rows = await part(page, "distribution").locator("tbody th").allInnerTexts();
    assert.deepEqual(
      rows.map((row) => row.trim()),
      ["1", "2", "3", "4", "5"],
    );
    for (const left of [4, 3, 2]) {
      await page.getByRole("button", { name: "Remove score 1" }).click();
      assert.equal((await levels()).length, left);
    }
    assert.ok(await page.getByRole("button", { name: "Remove score 1" }).isDisabled(), "a scale has two levels");
    await context.close();
  });

  test("labels are added, moved and removed", minutes(2), async () => {
    const { page, context } = await visit();
    await openTab(page, "classify");
    const labels = () => values(part(page, "label-name"));
    const before = await labels();
    await part(page, "add").click();
    await page.keyboard.type("Unclear");
    await page.getByRole("button", { name: `Move label ${before.length + 1} up` }).click();
    await page.getByRole("button", { name: "Remove label 1" }).click();
    assert.deepEqual(await labels(), [...before.slice(1, -1), "Unclear", before.at(-1)]);
    await context.close();
  });

  test("the library fills each tab's form", minutes(3), async () => {
    const { page, context } = await visit();
    for (const [tab, id, kind] of [
      ["score", "financial-accuracy", "scale"],
      ["classify", "safety", "labels"],
      ["compare", "conciseness", "criteria"],
      ["rank", "code-review", "criteria"],
    ]) {
      await openTab(page, tab);
      await part(page, "library").click();
      await part(page, `rubric-${id}`).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
      const rubric = JSON.parse(readFileSync(join(RUBRICS, kind, `${id}.json`), "utf8"));
      assert.equal(await part(page, "objective").inputValue(), rubric.objective);
      if (kind === "scale") assert.deepEqual(await values(part(page, "level")), Object.values(rubric.scale));
      if (kind === "labels") assert.deepEqual(await values(part(page, "label-name")), Object.keys(rubric.labels));
    }
    await context.close();
  });

  test("every rubric of the library is one that the package reads", minutes(3), async () => {
    const page = await packagePage();
    for (const kind of ["scale", "labels", "criteria"]) {
      const files = readdirSync(join(RUBRICS, kind));
      assert.ok(files.length >= 5, `${files.length} of ${kind}`);
      for (const file of files) {
        const text = readFileSync(join(RUBRICS, kind, file), "utf8");
        const parsed = await page.evaluate((text) => lunette.parseRubric(text), text);
        if (kind === "criteria") assert.equal(typeof parsed, "string", file);
        else assert.ok(Object.keys(parsed[kind]).length >= 2, file);
      }
    }
  });

  test("a rubric leaves as a file and comes back from it", minutes(3), async () => {
    const { page, context, troubles } = await visit();
    const objective = await part(page, "objective").inputValue();
    const levels = await values(part(page, "level"));
    for (const format of ["yaml", "json"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), part(page, `export-${format}`).click()]);
      assert.equal(download.suggestedFilename(), `rubric.${format}`);
      const file = await download.path();
      await part(page, "objective").fill("Something else?");
      const buffer = readFileSync(file);
      await part(page, "rubric-file").setInputFiles({ name: `rubric.${format}`, mimeType: "text/plain", buffer });
      await page.waitForFunction(
        (objective) => document.querySelector('[data-testid="objective"]').value === objective,
        objective,
      );
      assert.deepEqual(await values(part(page, "level")), levels);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a file that is no rubric, or one of another kind, is refused in words", minutes(2), async () => {
    const { page, context } = await visit();
    const take = (text) =>
      part(page, "rubric-file").setInputFiles({ name: "r.yaml", mimeType: "text/plain", buffer: Buffer.from(text) });
    await take("objective: [");
    await part(page, "error").filter({ hasText: "rubric" }).waitFor({ timeout: 60_000 });
    await take("objective: Polite?\nlabels: { Yes: It is., No: It is not. }");
    await part(page, "error").filter({ hasText: "another kind" }).waitFor();
    assert.match(await part(page, "objective").inputValue(), /ten/, "the form is as it was");
    await context.close();
  });
});

const PREFIX = "#lunette-1.";
const packed = (what) =>
  PREFIX + deflateRawSync(typeof what === "string" ? what : JSON.stringify(what)).toString("base64url");

describe("links to a case", () => {
  test("a link carries the whole form, in its fragment alone", minutes(3), async () => {
    const { page, context } = await visit();
    await openTab(page, "classify");
    await part(page, "response").fill("Ünïcode, emoji 🌙 and \u202Eright to left\u202C");
    await page.getByText("How it is judged").click();
    await part(page, "thinking").selectOption({ label: "At most 1024 tokens" });
    await part(page, "share").click();
    const link = await part(page, "share-link").inputValue();
    await context.close();

    const url = new URL(link);
    assert.equal(url.search, "");
    assert.ok(url.hash.startsWith(PREFIX));
    const { tab, draft } = JSON.parse(inflateRawSync(Buffer.from(url.hash.slice(PREFIX.length), "base64url")));
    assert.equal(tab, "classify");
    assert.match(draft.response, /🌙/);
    assert.equal(draft.ways.thinking, 1024);

    const opened = await visit({ path: `/${url.hash}` });
    await part(opened.page, "link-status").filter({ hasText: "The case of the link is open" }).waitFor();
    assert.equal(await part(opened.page, "response").inputValue(), draft.response);
    assert.equal(await part(opened.page, "thinking").inputValue(), "1024");
    assert.equal(new URL(opened.page.url()).hash, "", "the texts leave the address bar");
    const { requests } = opened;
    assert.ok(requests.length > 0 && !requests.some((request) => request.includes(url.hash.slice(12, 40))));
    assert.deepEqual(opened.troubles, []);
    await opened.context.close();
  });

  test("hostile fragments are refused, and the form stays as it was", minutes(3), async () => {
    const { page, context, troubles } = await visit();
    const before = await part(page, "input").inputValue();
    const good = await goodSetup(page);
    const ways = (thinking) => ({ ...unpacked(good).draft.ways, thinking });
    const table = {
      "a thought without end": packed({ tab: "score", draft: { ...unpacked(good).draft, ways: ways(1e9) } }),
      "not base64": `${PREFIX}<img src=x onerror=alert(1)>`,
      "not deflate": `${PREFIX}AAAA`,
      "not JSON": packed("{"),
      "another version": good.replace("-1.", "-2."),
      "cut off": good.slice(0, good.length / 2),
      "no setup": packed({ tab: "score" }),
      "another tab": packed({ tab: "__proto__", draft: {} }),
      "a number for a text": packed({ tab: "score", draft: { ...unpacked(good).draft, input: 1 } }),
      "a field too many": packed({ ...unpacked(good), constructor: 1 }),
      "levels out of order": packed({
        tab: "score",
        draft: {
          ...unpacked(good).draft,
          levels: [
            { score: 2, description: "b" },
            { score: 1, description: "a" },
          ],
        },
      }),
      "a bomb": packed(JSON.stringify({ tab: "score", draft: "0".repeat(50_000_000) })),
    };
    for (const [what, fragment] of Object.entries(table)) {
      await page.evaluate((fragment) => (location.hash = fragment), fragment);
      await part(page, "error").filter({ hasText: "This link cannot be opened" }).waitFor({ timeout: 20_000 });
      assert.equal(await part(page, "input").inputValue(), before, what);
      await page.getByRole("button", { name: "Dismiss" }).click();
      await part(page, "error").waitFor({ state: "detached" });
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });
});

const unpacked = (fragment) =>
  JSON.parse(inflateRawSync(Buffer.from(fragment.slice(PREFIX.length), "base64url")).toString());

async function goodSetup(page) {
  await part(page, "share").click();
  const link = await part(page, "share-link").inputValue();
  await page.keyboard.press("Escape");
  return new URL(link).hash;
}
