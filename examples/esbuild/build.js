import { build } from "esbuild";
import { cpSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// esbuild does not change `new URL("./worker.js", import.meta.url)`. So build the worker as a separate entry beside the app, and
// copy the wasm file to ../wasm/, where the worker looks for it.
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
