import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import sirv from "sirv";
import { defineConfig } from "vite";
import type { Connect, Plugin } from "vite";

const beside = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Models are too large to copy about: they are served from where they lie, beside the page. */
function models(): Plugin {
  const serve = ({ middlewares }: { middlewares: Connect.Server }) => {
    middlewares.use("/models", sirv(beside("../models"), { dev: true, etag: true }));
  };
  return { name: "models", configureServer: serve, configurePreviewServer: serve };
}

/** What the built page may do. Not while developing: the development server needs inline styles and a socket. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

function contentSecurityPolicy(): Plugin {
  const attrs = { "http-equiv": "Content-Security-Policy", content: POLICY };
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [{ tag: "meta", attrs, injectTo: "head-prepend" }],
  };
}

export default defineConfig({
  // Relative, so that the build works from any folder of any host.
  base: "./",
  // A file that is not there is a 404, not the page once more.
  appType: "mpa",
  plugins: [svelte(), models(), contentSecurityPolicy()],
  // The package finds its worker and its wasm file by relative URLs, which bundling it ahead of time would break.
  optimizeDeps: { exclude: ["lunette"] },
  worker: { format: "es" },
  build: {
    // Nothing inlined: the policy above allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: { fs: { allow: ["..", "."] } },
});
