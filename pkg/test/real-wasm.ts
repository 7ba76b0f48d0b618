import { readFile } from "node:fs/promises";
import * as generated from "../wasm/lunette.js";
import type { WasmModule } from "../src/wire/wasm-contract.js";

let started: Promise<unknown> | undefined;

/** The built module (`cargo xtask build`), for tests of the border to Rust. */
export async function realWasm(): Promise<WasmModule> {
  const exported: unknown = generated;
  const wasm = exported as WasmModule;
  started ??= readFile(new URL("../wasm/lunette_bg.wasm", import.meta.url)).then((bytes) =>
    wasm.default({ module_or_path: bytes }),
  );
  await started;
  return wasm;
}
