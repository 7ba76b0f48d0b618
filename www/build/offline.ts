import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import type { Plugin } from "vite";

const WORKER = "offline.js";
/** For machines that fetch a page's preview, not for the page. */
const APART = new Set(["social.png"]);

/** Tells the service worker, an entry of the build, which files make up the page. */
export function offline(publicDir: string): Plugin {
  return {
    name: "offline",
    apply: "build",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const worker = bundle[WORKER];
        if (worker?.type !== "chunk") this.error(`the build made no ${WORKER}`);
        const hash = createHash("sha256");
        const built = Object.values(bundle).filter(({ fileName }) => fileName !== WORKER && !fileName.endsWith(".map"));
        for (const file of built) hash.update(file.type === "chunk" ? file.code : file.source);
        const copied = readdirSync(publicDir).filter((file) => !APART.has(file));
        for (const file of copied) hash.update(readFileSync(`${publicDir}/${file}`));

        const files = [...built.map(({ fileName }) => fileName), ...copied].sort();
        const shell = JSON.stringify({ version: hash.digest("hex").slice(0, 16), files });
        worker.code = `self.SHELL=${shell};${worker.code}`;
      },
    },
  };
}
