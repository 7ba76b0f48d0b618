import { build } from "esbuild";
import { cpSync, mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

// All code of an extension must be in it. The panel's worker is a separate entry beside the panel, and looks for the wasm file
// in ../wasm/.
await build({
  entryPoints: [
    { in: "src/background.js", out: "js/background" },
    { in: "src/panel.js", out: "js/panel" },
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
