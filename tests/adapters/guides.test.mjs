// Runs every example of the adapters' guide like a user: in a separate folder, with the installed packages.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { minutes } from "./common.mjs";
import { examples, folder } from "./guide.mjs";

const run = promisify(execFile);
const found = examples("adapters.md", "ts");

describe("the guide to the adapters", () => {
  test("has an example for each that runs in Node", () => assert.equal(found.length, 4));

  for (const code of found) {
    const [, library] = /from "(lunette\/[^"]+)"/.exec(code);
    test(library, minutes(4), async () => {
      const at = folder(import.meta.dirname);
      writeFileSync(join(at, "example.mjs"), code);
      // It must end by itself: the package must not keep the process alive.
      const { stdout } = await run(process.execPath, ["--preserve-symlinks", "example.mjs"], { cwd: at });
      assert.ok(stdout.trim().split("\n").length > 1, "it prints what it found");
      assert.ok(!/NaN|\[object/.test(stdout), stdout);
    });
  }
});
