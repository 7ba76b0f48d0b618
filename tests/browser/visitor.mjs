// The actions of a visitor of the demo page.

import assert from "node:assert/strict";
import { after } from "node:test";
import { launchVisitor } from "./lib.mjs";
import { once, server } from "./session.mjs";

export const LOADED = 4 * 60_000;
export const JUDGED = 4 * 60_000;

const visits = [];
// Most are closed already.
after(() => Promise.all(visits.map((context) => context.close().catch(() => {}))));

/**
 * Opens the page, in a profile of its own if not in the `context` given. `troubles` gathers what no visit may have: errors and
 * broken policies.
 */
export async function visit({ path = "/", origin, context: given, ...options } = {}) {
  const context = given ?? (await launchVisitor({ reducedMotion: "reduce", ...options }));
  visits.push(context);
  const page = await context.newPage();
  const troubles = [];
  const requests = [];
  context.on("request", (request) => requests.push(request.url()));
  page.on("pageerror", (error) => troubles.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") troubles.push(`console: ${message.text()}`);
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI, sample }) => {
      console.error(`policy: ${effectiveDirective} ${blockedURI} ${sample}`);
    });
  });
  await page.goto((origin ?? (await server()).origin) + path);
  await part(page, "tab-score").waitFor();
  return { page, context, troubles, requests };
}

export const part = (page, id) => page.getByTestId(id);

/** Loads the default model. */
export async function load(page, backend = "wasm") {
  await part(page, "backend").selectOption(backend);
  await part(page, "load").click();
  await part(page, "judge-facts").waitFor({ timeout: LOADED });
}

export async function openTab(page, tab) {
  await part(page, `tab-${tab}`).click();
  await part(page, "score-button").waitFor();
}

/** Opens the parts of a case that are closed by default. */
export async function openDetails(page) {
  const closed = page.locator("section.case details:not([open]) > summary");
  while ((await closed.count()) > 0) await closed.first().click();
}

/** Judges the form of the open tab, and waits for the verdict. */
export async function judge(page, { critique = false } = {}) {
  await part(page, "critique-toggle").setChecked(critique);
  await part(page, "score-button").click({ timeout: LOADED });
  await part(page, "spent").waitFor({ timeout: JUDGED });
}

/** A page with the default model on wasm, shared by the tests that only change forms. */
export const loadedPage = once(async () => {
  const visited = await visit();
  await load(visited.page);
  return { ...visited, close: () => visited.context.close() };
});

/** Fills a form with short texts, so that a judgement is fast. */
export async function fill(page, texts) {
  for (const [id, text] of Object.entries(texts)) await part(page, id).fill(text);
}

/** Checks that nothing on the page is wider than its window. */
export async function assertNoSideways(page) {
  const [wide, room] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(wide <= room, `${wide} pixels wide in a window of ${room}`);
}
