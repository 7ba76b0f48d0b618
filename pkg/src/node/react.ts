// What `lunette/react` means in Node, where pages are rendered ahead and components are tested.
import "./main.js";

export * from "../react/index.js";
