// What `lunette/promptfoo` is: promptfoo runs in Node, and loads nothing else of this package.
import "./main.js";

export * from "../adapters/promptfoo.js";
export { default } from "../adapters/promptfoo.js";
