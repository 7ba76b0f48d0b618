import { cpSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import sirv from "sirv";
import { defineConfig } from "vite";
import type { Connect, Plugin } from "vite";
import { fonts } from "./build/fonts.ts";
import { offline } from "./build/offline.ts";
import { policy } from "./build/policy.ts";

const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Models are too large to copy about: they are served from where they lie, beside the page. */
function models(): Plugin {
  const serve = ({ middlewares }: { middlewares: Connect.Server }) => {
    middlewares.use("/models", sirv(beside("../models"), { dev: true, etag: true }));
  };
  return { name: "models", configureServer: serve, configurePreviewServer: serve };
}

/** Heads of reward models are small enough to go with the page. Only who opens one fetches it. */
function heads(): Plugin {
  const folder = beside("../judges/heads");
  const serve = ({ middlewares }: { middlewares: Connect.Server }) => {
    middlewares.use("/heads", sirv(folder, { dev: true, etag: true }));
  };
  return {
    name: "heads",
    configureServer: serve,
    writeBundle: ({ dir = "" }) => cpSync(folder, `${dir}/heads`, { recursive: true }),
  };
}

/** Cross-origin isolation, with which the engine computes on all cores. The page works without, on one. */
const headers = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  // Relative, so that the build works from any folder of any host.
  base: "./",
  // A file that is not there is a 404, not the page once more.
  appType: "mpa",
  plugins: [svelte(), models(), heads(), policy(), fonts(), offline(beside("public"))],
  // The package finds its worker and its wasm file by relative URLs, which bundling it ahead of time would break.
  optimizeDeps: { exclude: ["lunette"] },
  worker: { format: "es" },
  build: {
    // Nothing inlined: the policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { page: beside("index.html"), offline: beside("worker/offline.ts") },
      output: {
        // The service worker's name is how browsers know it again.
        entryFileNames: ({ name }) => (name === "offline" ? "[name].js" : "assets/[name]-[hash].js"),
      },
    },
  },
  server: { fs: { allow: ["..", "."] }, headers },
  preview: { headers },
});
