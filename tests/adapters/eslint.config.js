import js from "@eslint/js";

const names = (...names) => Object.fromEntries(names.map((name) => [name, "readonly"]));

const NODE = names(
  "AbortController",
  "AbortSignal",
  "Buffer",
  "TextDecoder",
  "URL",
  "console",
  "performance",
  "process",
  "setTimeout",
);

export default [js.configs.recommended, { languageOptions: { globals: NODE } }];
