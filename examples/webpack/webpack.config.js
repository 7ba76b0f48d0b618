import { cpSync } from "node:fs";

cpSync("public", "dist", { recursive: true });

export default {
  mode: "production",
  entry: "./src/main.js",
  // Lunette needs no settings: webpack 5 finds its worker and its wasm file.
  output: { filename: "main.js", path: `${import.meta.dirname}/dist` },
  performance: { hints: false },
};
