import type { CatalogueEntry } from "lunette";

/** What a model runs on, as far as a page can know. */
export interface Machine {
  /** Whether there is a hardware GPU that WebGPU reaches. */
  gpu: boolean;
  /** Bytes of memory. Browsers round it, and say 8 GB where there is more; some say nothing. */
  memory: number | undefined;
}

const GIB = 2 ** 30;

/** The memory that a browser tells of (Device Memory API); not all do. */
export function memoryOf(navigator: Navigator & { deviceMemory?: number }): number | undefined {
  return navigator.deviceMemory === undefined ? undefined : navigator.deviceMemory * GIB;
}

/** Beside the weights: the KV cache, buffers and the page. */
const need = (entry: CatalogueEntry) => entry.bytes * 1.1 + 0.5 * GIB;

/** What a model may take: WebAssembly counts to 4 GiB, and other programs want to live too. */
function room({ gpu, memory }: Machine): number {
  return gpu ? (memory ?? 8 * GIB) * 0.8 : Math.min((memory ?? 4 * GIB) * 0.6, 3.6 * GIB);
}

/** Weights that a processor gets through in bearable time: a verdict takes a minute or so. */
const PATIENCE = 1.7e9;

export const holds = (machine: Machine, entry: CatalogueEntry): boolean => need(entry) <= room(machine);

const gigabytes = (bytes: number) => `${String(Math.round(bytes / GIB))} GB`;

export interface Advice {
  entry: CatalogueEntry;
  /** A sentence. */
  why: string;
}

/** The model that is the best for this machine, of those that it should hold. */
export function advice(machine: Machine, entries: CatalogueEntry[]): Advice | undefined {
  const fast = (entry: CatalogueEntry) => machine.gpu || entry.parameters <= PATIENCE;
  const worth = (entry: CatalogueEntry) => entry.parameters * (entry.purpose === "judge" ? 4 : 1);
  const fitting = entries.filter((entry) => holds(machine, entry) && fast(entry));
  const [best] = fitting.sort((a, b) => worth(b) - worth(a) || b.languages.length - a.languages.length);
  if (best === undefined) return undefined;
  const where = machine.gpu ? "This machine has a GPU." : "This browser lets pages use no GPU.";
  const size = machine.memory === undefined ? "" : ` The memory is ${gigabytes(machine.memory)} or more.`;
  const what =
    best.purpose === "judge"
      ? "This is the largest model trained to judge that should fit."
      : `This one is the largest that should fit${machine.gpu ? "" : " and that a processor computes in bearable time"}.`;
  return { entry: best, why: `${where}${size} ${what}` };
}

/** What the list is narrowed to. */
export interface Filter {
  /** Bytes of the file at most; 0 for any. */
  size: number;
  licence: "" | "permissive";
  /** A BCP 47 tag; empty for any. */
  language: string;
}

const PERMISSIVE = ["Apache-2.0", "MIT"];

export function passes(filter: Filter, entry: CatalogueEntry): boolean {
  return (
    (filter.size === 0 || entry.bytes <= filter.size) &&
    (filter.licence === "" || PERMISSIVE.includes(entry.license)) &&
    (filter.language === "" || entry.languages.includes(filter.language))
  );
}
