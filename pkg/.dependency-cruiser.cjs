// Which wing of src/ may know which. The page's thread runs api/, the worker runs worker/; messages go through wire/. Beside
// the wings lie the files whose addresses apps rely on: index, platform, worker and wasm.
const wing = (names) => `^src/(${names})/`;

/** What a wing knows beside itself and types/. node/ may know everything, and is known by nobody. */
const KNOWS = { types: "", wire: "", api: "wire", worker: "wire", adapters: "api|wire", react: "api|wire" };

module.exports = {
  forbidden: [
    {
      name: "no-circles",
      comment: "A type that two files share lives in the lower one, or in a file of its own.",
      severity: "error",
      from: {},
      // platform.ts loads the engine's code by a dynamic import, where there is no thread for it.
      to: { circular: true, viaOnly: { dependencyTypesNot: ["dynamic-import"] } },
    },
    ...Object.entries(KNOWS).map(([from, known]) => ({
      name: `${from}-knows-too-much`,
      comment: `${from}/ may import from ${[from, "types", ...known.split("|").filter(Boolean)].join(", ")} only.`,
      severity: "error",
      from: { path: wing(from) },
      to: {
        path: "^src/",
        pathNot: [
          wing([from, "types", known].filter(Boolean).join("|")),
          ...(from === "api" ? ["^src/platform.ts$"] : []),
        ],
        dependencyTypesNot: ["dynamic-import"],
      },
    })),
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
  },
};
