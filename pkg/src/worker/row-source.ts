import { LunetteError } from "../wire/errors.js";
import type { WireRows } from "../wire/evaluation.js";
import type { RowSource } from "../wire/wasm-contract.js";

/** A file of rows that is open. */
export interface OpenRowSource extends RowSource {
  close(): void;
}

/** Opens a file of rows. */
export type OpenRows = (file: WireRows) => Promise<OpenRowSource>;

/** Browsers have it in workers only, and TypeScript's DOM library has it not at all. */
interface SyncReader {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}

/** Opens a `Blob`, or what is at an address. Reads pieces where this thread can wait for them, else the whole first. */
export const openRowSource: OpenRows = async (from) => {
  const file = typeof from === "string" ? await download(from) : from;
  const { FileReaderSync } = globalThis as { FileReaderSync?: new () => SyncReader };
  if (FileReaderSync === undefined) return whole(file);
  const reader = new FileReaderSync();
  return {
    read: (at, length) => new Uint8Array(reader.readAsArrayBuffer(file.slice(at, at + length))),
    close: () => undefined,
  };
};

async function whole(file: Blob): Promise<OpenRowSource> {
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return { read: (at, length) => bytes.subarray(at, at + length), close: () => undefined };
  } catch (cause) {
    throw new LunetteError("source", `The file of rows cannot be read (${String(cause)}). Choose it again.`, { cause });
  }
}

async function download(url: string): Promise<Blob> {
  const response = await fetch(url).catch((cause: unknown) => {
    throw new LunetteError(
      "network",
      `The rows at ${url} could not be fetched. Check the connection and the address.`,
      {
        cause,
      },
    );
  });
  if (!response.ok) {
    throw new LunetteError(
      "source",
      `The rows at ${url} could not be fetched: the server answered ${response.status}.`,
    );
  }
  return response.blob();
}
