// The entry `lunette` in Node: the same names as in a browser, on Node's threads and files.
import { usePlatform } from "../platform.js";
import { node } from "./platform.js";

usePlatform(node);

export * from "../index.js";
