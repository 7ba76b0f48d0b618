// The entry `lunette/promptfoo`. promptfoo runs in Node, and imports nothing else of this package.
import "./main.js";

export * from "../adapters/promptfoo.js";
export { default } from "../adapters/promptfoo.js";
