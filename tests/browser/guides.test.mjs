// Every example of the guides, run as it stands on a page of its own.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { launchVisitor, root } from "./lib.mjs";
import { minutes, once, server } from "./session.mjs";

const visitor = once(() => launchVisitor());
const guides = join(root, "docs/guides");
const examples = readdirSync(guides)
  .filter((name) => name.endsWith(".md"))
  .flatMap((name) => {
    const blocks = readFileSync(join(guides, name), "utf8").matchAll(/^```js\n(.*?)^```$/gms);
    return [...blocks].map(([, code], index) => ({ name: `${name}, example ${index + 1}`, code }));
  });

test("there are examples", () => assert.ok(examples.length >= 4));

for (const { name, code } of examples) {
  test(name, minutes(3), async () => {
    const imports = JSON.stringify({ imports: { lunette: "/pkg/dist/index.js" } });
    const html =
      `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script type="importmap">${imports}</script>` +
      `<script type="module">${code}\nglobalThis.done = true;</script>`;
    const { files, origin } = await server();
    files.set("example.html", Buffer.from(html));
    const page = await (await visitor()).newPage();
    try {
      const printed = [];
      const ended = new Promise((resolve, reject) => {
        page.on("console", (message) => printed.push(message.text()));
        page.on("pageerror", reject);
        page.waitForFunction("globalThis.done", undefined, { timeout: 0 }).then(resolve, reject);
      });
      await page.goto(`${origin}/files/example.html`);
      await ended;
      assert.ok(printed.length > 0, "it prints what it found");
      assert.ok(!printed.some((line) => line.includes("undefined")), printed.join("\n"));
    } finally {
      await page.close();
    }
  });
}
