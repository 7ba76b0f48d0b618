// The entry `lunette/react` in Node, for server-side rendering and for tests of components.
import "./main.js";

export * from "../react/index.js";
