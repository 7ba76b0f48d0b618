// The built demo page, as a visitor uses it.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { modelUrl } from "./lib.mjs";
import { scoreExample } from "./visitor.mjs";
import { browser, minutes, server } from "./session.mjs";

describe("the demo page", () => {
  test("loads the model, scores the example, and sends nothing", minutes(8), async () => {
    const { origin } = await server();
    const page = await (await browser()).newPage();
    const requests = [];
    const errors = [];
    // Playwright reports the requests of the page's workers here too; the model's own request proves it below.
    page.context().on("request", (request) => requests.push({ url: request.url(), method: request.method() }));
    page.on("websocket", (socket) => requests.push({ url: socket.url(), method: "websocket" }));
    page.on("pageerror", (error) => errors.push(error.message));

    await page.goto(origin);
    const score = await scoreExample(page);
    assert.match(score, /[1-5]/);
    for (const id of ["distribution", "critique"]) {
      assert.ok(await page.getByTestId(id).isVisible(), `${id} is shown`);
    }
    assert.match(await page.getByTestId("distribution").innerText(), /1[^]*2[^]*3[^]*4[^]*5/);
    assert.deepEqual(errors, []);

    const away = requests.filter(({ url }) => !url.startsWith(`${origin}/`) && !/^(data|blob):/.test(url));
    assert.deepEqual(away, [], "no request leaves the origin");
    assert.ok(
      requests.some(({ url }) => url.endsWith(modelUrl)),
      "the model's request was seen",
    );
    assert.deepEqual(
      requests.filter(({ method }) => !["GET", "HEAD"].includes(method)),
      [],
      "nothing is posted",
    );
    await page.context().close();
  });
});
