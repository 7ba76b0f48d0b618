import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Relative addresses, so that the build can be served from any path.
  base: "./",
  // Pre-bundling would lose the package's worker and its wasm file.
  optimizeDeps: { exclude: ["lunette"] },
  worker: { format: "es" },
});
