import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  // Relative addresses, so that the build can be served from any path.
  base: "./",
  // The development server would lose the package's worker and wasm file if it bundled the package ahead of time.
  optimizeDeps: { exclude: ["lunette"] },
  worker: { format: "es" },
});
