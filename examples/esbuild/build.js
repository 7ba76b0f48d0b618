import { build } from "esbuild";
import { cpSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// esbuild leaves `new URL("./worker.js", import.meta.url)` as it is. So the worker is built as an entry of its own beside
// the app, and the wasm file lies where the worker looks for it: in ../wasm/.
await build({
  entryPoints: [
    { in: "src/main.js", out: "js/main" },
    { in: "lunette/worker", out: "js/worker" },
  ],
  outdir: "dist",
  bundle: true,
  splitting: true,
  format: "esm",
  chunkNames: "js/[name]-[hash]",
});

cpSync("public", "dist", { recursive: true });
mkdirSync("dist/wasm", { recursive: true });
cpSync(fileURLToPath(import.meta.resolve("lunette/lunette_bg.wasm")), "dist/wasm/lunette_bg.wasm");
