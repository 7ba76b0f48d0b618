import type { Plugin } from "vite";

/** Fetches the text face along with the code, so that no text is set twice. */
export function fonts(): Plugin {
  return {
    name: "preload-fonts",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler: (_, { bundle }) =>
        Object.keys(bundle ?? {})
          .filter((file) => /newsreader-latin-opsz-(normal|italic)-.*\.woff2$/.test(file))
          .map((file) => ({
            tag: "link",
            attrs: { rel: "preload", as: "font", type: "font/woff2", href: `./${file}`, crossorigin: "" },
            injectTo: "head" as const,
          })),
    },
  };
}
