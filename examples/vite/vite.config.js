import { defineConfig } from "vite";

export default defineConfig({
  // Relative addresses, so that the build can be served from any path.
  base: "./",
  // Pre-bundling would lose the package's worker and its wasm file.
  optimizeDeps: { exclude: ["lunette"] },
  worker: { format: "es" },
});
