import { wrong } from "../wire/check.js";
import { Client } from "../wire/client.js";
import { rowOptions } from "../wire/evaluation-inputs.js";
import type { WireRows } from "../wire/evaluation.js";
import type { Calls } from "../wire/protocol.js";
import { platform } from "../platform.js";
import { connect } from "./engine.js";
import { opened } from "./handle.js";
import type { BadRow, Row, RowFile, RowOptions } from "../types/index.js";

/**
 * Rows of a file: JSONL, JSON, CSV or TSV, recognized by its content, with columns guessed by their names. It is read in a
 * thread of its own, as far as rows are asked for, so a large file is never held whole. What cannot be read is a
 * {@link BadRow} in its place. Needs no model.
 *
 * @param file the data, or its address; in Node, its path.
 * @throws {LunetteError} `invalid-argument` when the file holds no rows or a name in `map` is wrong; `source` or `network` when
 * it cannot be read; `engine-unavailable`.
 */
export async function openRows(
  file: Blob | FileSystemFileHandle | URL | string,
  options: RowOptions = {},
): Promise<RowFile> {
  const { name, format, map = {} } = rowOptions(options, "options");
  const { source, called } = await located(file);
  const args: Calls["openRows"]["args"] = [source, name ?? called, format, map];
  const client = new Client(await connect());
  try {
    const about = await client.call("openRows", args);
    return { ...about, [Symbol.asyncIterator]: () => rowsOf(args) };
  } finally {
    void client.dispose();
  }
}

async function located(
  file: Blob | FileSystemFileHandle | URL | string,
): Promise<{ source: WireRows; called: string }> {
  if (typeof file === "string" || file instanceof URL) {
    const source = address(String(file));
    return { source, called: source.split(/[?#]/u, 1)[0]?.split("/").at(-1) ?? source };
  }
  const source: unknown = await opened(file);
  if (!(source instanceof Blob)) throw wrong("file", "a File, a Blob or an address", file);
  return { source, called: source instanceof File ? source.name : "the data" };
}

function address(text: string): string {
  try {
    return platform().locate(text).href;
  } catch {
    throw wrong("file", "a valid address", text);
  }
}

/** One pass over the file. */
async function* rowsOf(args: Calls["openRows"]["args"]): AsyncGenerator<Row | BadRow, void, undefined> {
  const client = new Client(await connect());
  try {
    await client.call("openRows", args);
    for (;;) {
      const { rows, done } = await client.call("nextRows", []);
      yield* rows;
      if (done) return;
    }
  } finally {
    void client.dispose();
  }
}
