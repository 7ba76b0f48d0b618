import { LunetteError } from "../wire/errors.js";
import type { ModelRef, ModelSource } from "../types/index.js";

/** A source without file handles. */
export type OpenedSource = string | URL | Blob | ArrayBuffer | ModelRef | readonly Blob[];

/** Opens the file handles in a source: each becomes its file. */
export async function opened(model: ModelSource): Promise<OpenedSource> {
  if (Array.isArray(model)) return Promise.all((model as readonly (Blob | FileSystemFileHandle)[]).map(fileOf));
  return isHandle(model) ? open(model) : (model as OpenedSource);
}

/** Check for the method and not the class: a handle may come from another frame, and Node lacks the class. */
function isHandle(value: unknown): value is FileSystemFileHandle {
  return typeof value === "object" && value !== null && "getFile" in value && typeof value.getFile === "function";
}

const fileOf = (file: Blob | FileSystemFileHandle): Promise<Blob> =>
  isHandle(file) ? open(file) : Promise.resolve(file);

async function open(handle: FileSystemFileHandle): Promise<File> {
  try {
    return await handle.getFile();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new LunetteError(
      "source",
      `The file ${JSON.stringify(handle.name)} cannot be opened: ${reason} If it was moved or deleted, choose it again. If the ` +
        "permission to read it is gone, ask for it with handle.requestPermission().",
      { cause },
    );
  }
}
