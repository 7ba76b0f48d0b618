// What `import "lunette"` means in Node: the same names as elsewhere, on Node's threads and files.
import { usePlatform } from "../platform.js";
import { node } from "./platform.js";

usePlatform(node);

export * from "../index.js";
