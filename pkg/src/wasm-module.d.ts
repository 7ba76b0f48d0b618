// The Rust build generates this module, so it may not exist yet. wasm-contract.ts has its types.
declare module "*/wasm/lunette.js";
