import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LunetteError } from "../wire/errors.js";
import type { WireSource } from "../wire/protocol.js";

/** Turns files on the disk into `Blob`s, which are read on demand. Leaves any other source as it is. */
export async function fromDisk(source: WireSource): Promise<WireSource> {
  if (source.kind !== "url" || !source.parts.every((url) => url.startsWith("file:"))) return source;
  const { sha256 } = source;
  const parts = await Promise.all(source.parts.map(open));
  return sha256 === undefined ? { kind: "blobs", parts } : { kind: "blobs", parts, sha256 };
}

/** Must run in the thread that reads the file: Node cannot send a `Blob` of a file to another. */
async function open(url: string): Promise<Blob> {
  try {
    const path = fileURLToPath(url);
    // `openAsBlob` does not say why a path is wrong.
    const file = await stat(path);
    if (!file.isFile()) throw new Error("it is not a file");
    return await openAsBlob(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const message = `The model ${url} could not be opened: ${why}. A path is taken from the process's working directory.`;
    throw new LunetteError("source", message, { cause });
  }
}
