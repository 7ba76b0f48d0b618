import type { Json } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import type { RowBatch, RowsAbout, Terms, WireRows } from "../wire/evaluation.js";
import type { Calls } from "../wire/protocol.js";
import type { WasmModule, WasmResults, WasmRows } from "../wire/wasm-contract.js";
import type { OpenRows, OpenRowSource } from "./row-source.js";
import type { Paired, ReportSettings } from "../types/index.js";

/** Where rows are read and reports are made. It needs no model, and serves one caller: one file, or one report. */
export class Desk {
  #source: OpenRowSource | undefined;
  #rows: WasmRows | undefined;
  readonly #runs: [WasmResults | undefined, WasmResults | undefined] = [undefined, undefined];

  constructor(
    private readonly loadWasm: () => Promise<WasmModule>,
    private readonly openSource: OpenRows,
  ) {}

  async open(...[file, name, format, map]: Calls["openRows"]["args"]): Promise<RowsAbout> {
    const wasm = await this.loadWasm();
    this.#source = await this.openSource(file satisfies WireRows);
    this.#rows = wasm.WasmRows.open(this.#source, name, format, map);
    return this.#rows.about();
  }

  next(): RowBatch {
    if (this.#rows === undefined) throw new LunetteError("internal", "No file of rows is open.");
    return this.#rows.next();
  }

  async add(run: 0 | 1, terms: Terms[], results: Json[], first: number): Promise<undefined> {
    const { WasmResults } = await this.loadWasm();
    this.#runs[run] ??= new WasmResults(terms);
    this.#runs[run].add(results, first);
    return undefined;
  }

  /** As JSON. */
  report(settings: ReportSettings, details: boolean): string {
    return this.#take(0).report(settings, details);
  }

  compare(settings: ReportSettings): Paired {
    return JSON.parse(this.#take(0).compared(this.#take(1), settings)) as Paired;
  }

  close(): void {
    this.#source?.close();
    this.#source = undefined;
  }

  /** The results of a run. A report takes them over. */
  #take(run: 0 | 1): WasmResults {
    const results = this.#runs[run];
    this.#runs[run] = undefined;
    if (results === undefined) throw new LunetteError("internal", "The results are not there.");
    return results;
  }
}
