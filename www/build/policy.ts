import type { Plugin } from "vite";

/** What the built page may do. Not while developing: the development server needs inline styles and a socket. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
  // `default` is ours, in src/trust.ts; the other is how Svelte makes elements of its compiled templates.
  "trusted-types default svelte-trusted-html",
].join("; ");

export function policy(): Plugin {
  const attrs = { "http-equiv": "Content-Security-Policy", content: POLICY };
  return {
    name: "content-security-policy",
    apply: "build",
    transformIndexHtml: () => [{ tag: "meta", attrs, injectTo: "head-prepend" }],
  };
}
