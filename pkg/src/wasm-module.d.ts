// The Rust build generates this module, so it may not exist yet. wasm-contract.ts has its types.
declare module "*/wasm/lunette.js";
declare module "*/wasm/hash.js" {
  /** Of `lunette_bg.wasm`. */
  export const SHA256: string;
}
