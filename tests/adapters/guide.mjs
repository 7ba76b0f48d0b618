// The unchanged examples of the guides.

import { mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { MODEL } from "./common.mjs";

const guides = fileURLToPath(new URL("../../docs/guides/", import.meta.url));

/** The blocks of a guide that are written in `language`. */
export function examples(guide, language) {
  const text = readFileSync(join(guides, guide), "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, code]) => code);
}

/** A folder inside `parent` with the model's file, as the guides ask for one. */
export function folder(parent) {
  const made = mkdtempSync(join(parent, "guide-"));
  after(() => rmSync(made, { recursive: true }));
  symlinkSync(MODEL, join(made, "SmolLM2-135M-Instruct.Q4_1.gguf"));
  return made;
}
