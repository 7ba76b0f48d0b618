import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LunetteError } from "../wire/errors.js";
import { openRowSource } from "../worker/row-source.js";
import type { OpenRows, OpenRowSource } from "../worker/row-source.js";

/** Opens files on the disk, which are read piece by piece, and whatever a browser opens. */
export const openRows: OpenRows = (file) =>
  typeof file === "string" && file.startsWith("file:")
    ? Promise.resolve().then(() => fromDisk(file))
    : openRowSource(file);

function fromDisk(url: string): OpenRowSource {
  try {
    const file = openSync(fileURLToPath(url), "r");
    if (!fstatSync(file).isFile()) throw new Error("it is not a file");
    return {
      read(at, length) {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, readSync(file, bytes, 0, length, at));
      },
      close: () => closeSync(file),
    };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The rows at ${url} could not be opened: ${why}. A path is taken from the process's working directory.`;
    throw new LunetteError("source", message, { cause });
  }
}
