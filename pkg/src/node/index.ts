/**
 * Lunette in Node: all of `lunette`, and what only Node has.
 *
 * @packageDocumentation
 */
export * from "./main.js";
export { setDawnFlags } from "./webgpu.js";
export { fileJournal } from "./journal.js";
export type { FileJournal } from "./journal.js";
