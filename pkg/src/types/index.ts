// What the public functions take and give.
export type * from "./adapter.js";
export type * from "./evaluate.js";
export type * from "./generate.js";
export type * from "./goal.js";
export type * from "./judge.js";
export type * from "./load.js";
export type * from "./panel.js";
export type * from "./report.js";
export type * from "./reward.js";
export type * from "./statistics.js";
