// Each tab of the built demo page, with the default model.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { modelUrl } from "./lib.mjs";
import { minutes, server } from "./session.mjs";
import { fill, judge, load, loadedPage, openDetails, openTab, part, visit } from "./visitor.mjs";

const PERCENT = /(\d+\.\d|<0\.1|>99\.9)%/;

/** SwiftShader reads some ten tokens a second. */
const SHORT = {
  score: { input: "2 + 2?", response: "4", objective: "Is it right?" },
  classify: { input: "2 + 2?", response: "4", objective: "Is it right?" },
  compare: { input: "2 + 2?", "response-a": "4", "response-b": "5", objective: "Which is right?" },
};

describe("the demo page", () => {
  test("loads the model, scores the example, and sends nothing", minutes(8), async () => {
    const { origin } = await server();
    const { page, context, troubles } = await visit();
    const requests = [];
    // Playwright reports the requests of the page's workers here too; the model's own request proves it below.
    context.on("request", (request) => requests.push({ url: request.url(), method: request.method() }));
    page.on("websocket", (socket) => requests.push({ url: socket.url(), method: "websocket" }));

    await load(page);
    assert.ok(
      requests.some(({ url }) => url.endsWith(modelUrl)),
      "the model's request was seen",
    );
    const before = requests.length;
    await judge(page, { critique: true });
    assert.match(await part(page, "score").innerText(), /^[1-5]$/);
    assert.match(await part(page, "expected").innerText(), /^[1-5]\.\d\d$/);
    assert.match(await part(page, "outside").innerText(), PERCENT);
    assert.match(await part(page, "status").innerText(), /^The score is [1-5] of 5\.$/);
    assert.ok((await part(page, "critique").innerText()).length > 20, "a critique is shown");
    assert.match(await part(page, "spent").innerText(), /\d tokens read .* \d+ tokens a second; \d+ written/s);
    const rows = await part(page, "distribution").locator("tbody tr").allInnerTexts();
    assert.equal(rows.length, 5);
    for (const row of rows) assert.match(row, PERCENT);

    assert.equal(requests.length, before, "a verdict takes no request");
    assert.equal(await part(page, "request-count").innerText(), "0 requests since the judge was loaded");
    const away = requests.filter(({ url }) => !url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url));
    assert.deepEqual(away, [], "no request leaves the origin");
    assert.deepEqual(
      requests.filter(({ method }) => !["GET", "HEAD"].includes(method)),
      [],
      "nothing is posted",
    );
    assert.deepEqual(troubles, []);
    await context.close();
  });

  test("a critique streams, and can be cut short", minutes(5), async () => {
    const { page } = await loadedPage();
    await openTab(page, "score");
    await part(page, "critique-toggle").check();
    await part(page, "score-button").click();
    await part(page, "critique")
      .filter({ hasText: /\w+ \w+/ })
      .waitFor();
    const early = (await part(page, "critique").innerText()).length;
    await page.waitForFunction(
      (early) => document.querySelector('[data-testid="critique"]').textContent.length > early,
      early,
    );
    assert.equal(await part(page, "score").count(), 0, "no verdict while it is being written");
    await part(page, "cancel").click();
    await part(page, "status").filter({ hasText: "Cancelled." }).waitFor();
    assert.ok(await part(page, "score-button").isEnabled(), "the judge is there for the next case");
  });

  test("several readings of one case tell how far they agree", minutes(5), async () => {
    const { page } = await loadedPage();
    await openTab(page, "score");
    await fill(page, SHORT.score);
    await page.getByText("How it is judged").click();
    await part(page, "orders-input").fill("3");
    await judge(page);
    assert.match(await part(page, "reliability").innerText(), /3 readings/);
    await part(page, "example").first().click();
  });

  test("classify gives one of the labels", minutes(5), async () => {
    const { page } = await loadedPage();
    await openTab(page, "classify");
    await judge(page);
    const labels = await part(page, "label-name").evaluateAll((inputs) => inputs.map(({ value }) => value));
    const label = await part(page, "label").innerText();
    assert.ok(labels.includes(label), `${label} is a label`);
    assert.equal(await part(page, "status").innerText(), `The label is ${label}.`);
    assert.equal(await part(page, "distribution").locator("tbody tr").count(), labels.length);
    const chosen = await part(page, "distribution").locator("tr.chosen").innerText();
    assert.ok(chosen.startsWith(label), "the table marks it too");
  });

  test("compare judges both orders and says whether they agree", minutes(5), async () => {
    const { page } = await loadedPage();
    await openTab(page, "compare");
    await judge(page);
    assert.match(await part(page, "winner").innerText(), /^(A|B|a tie)$/);
    assert.match(await part(page, "probability-a").innerText(), PERCENT);
    assert.match(await part(page, "consistent").innerText(), /^they (dis)?agree$/);
    const orders = await part(page, "orders").locator("tbody tr").allInnerTexts();
    assert.deepEqual(
      orders.map((row) => row[0]),
      ["A", "B"],
    );
    await page.getByText("How it is judged").click();
    await part(page, "both-orders").uncheck();
    await judge(page);
    assert.equal(await part(page, "consistent").innerText(), "one order only");
    assert.equal(await part(page, "orders").locator("tbody tr").count(), 1);
  });

  test("rank orders responses by strength, with intervals", minutes(6), async () => {
    const { page } = await loadedPage();
    await openTab(page, "rank");
    await part(page, "example").last().click();
    await judge(page);
    assert.equal(await part(page, "comparisons").innerText(), "3");
    const rows = await part(page, "standings").locator("tbody tr").allInnerTexts();
    assert.equal(rows.length, 3);
    for (const row of rows) assert.match(row, /\d\.\d\d\s+[+−]?\d\.\d\d to [+−]?\d\.\d\d/);
    assert.ok(rows[0].startsWith("1"), "the best stands first");
    assert.equal(await part(page, "standings").locator("line.interval").count(), 3);
    await page.getByText("All 3 pairs").click();
    assert.equal(await part(page, "pairs").locator("tbody tr").count(), 3);
  });

  test("texts that are too long are refused in words", minutes(5), async () => {
    const { page } = await loadedPage();
    await openTab(page, "score");
    await part(page, "response").fill("word ".repeat(20_000));
    await part(page, "score-button").click();
    await part(page, "error").filter({ hasText: "context-overflow" }).waitFor({ timeout: 60_000 });
    await part(page, "example").first().click();
    await part(page, "error").waitFor({ state: "detached" });
  });

  test("judges on WebGPU too", minutes(10), async () => {
    const { page, context, troubles } = await visit();
    await load(page, "webgpu");
    assert.match(await part(page, "judge-facts").innerText(), /WebGPU: .+ on the GPU/);
    for (const [tab, result] of Object.entries({ score: "score", classify: "label", compare: "winner" })) {
      await openTab(page, tab);
      await part(page, "example").last().click();
      await openDetails(page);
      await fill(page, { context: "", reference: "", ...SHORT[tab] });
      await judge(page);
      assert.ok((await part(page, result).innerText()).length > 0);
    }
    assert.deepEqual(troubles, []);
    await context.close();
  });
});
