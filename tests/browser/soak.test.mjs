// Three minutes of `cargo xtask soak`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { minutes, quick } from "./session.mjs";
import { soak } from "./soak.mjs";

test(
  "minutes of judging among faults leave nothing over, and every verdict is the serial one",
  minutes(12),
  async (t) => {
    const { problems, deeds, lines } = await soak({ minutes: quick ? 1 : 3, say: (line) => t.diagnostic(line) });
    assert.deepEqual(problems, []);
    t.diagnostic(JSON.stringify(deeds));
    const { page, node } = lines.at(-1);
    assert.ok(page.verdicts.verdicts > 20 && node.counts.verdicts > 20, "hardly anything was judged");
    assert.ok(Object.values(deeds).filter((count) => count > 0).length > 3, "hardly anything happened");
  },
);
