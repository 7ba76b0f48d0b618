// What the public functions take and give.
export type * from "./types/generate.js";
export type * from "./types/judge.js";
export type * from "./types/load.js";
