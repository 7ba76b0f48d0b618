import { closeSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { text } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import type { Journal } from "../types/index.js";

/** A journal in a file. */
export interface FileJournal extends Journal {
  /** Closes the file. It is opened again when it is used. */
  close(): void;
}

/**
 * A journal in a file, one JSON line a verdict, as `lunette evaluate` keeps `verdicts.jsonl`. A line that was being written when
 * its process was killed is cut off. Only one process may write to it at a time.
 *
 * @throws {LunetteError} `invalid-argument`; its methods reject with `source` when the file cannot be used.
 */
export function fileJournal(path: string): FileJournal {
  return new LineJournal(text(path, "path"));
}

const LINE_BREAK = 0x0a;
const HEAD = /^\{"hash":"([0-9a-f]{1,16})",/u;
const START = '{"hash":"';
/** Bytes that are read at once. */
const PIECE = 1 << 20;

class LineJournal implements FileJournal {
  #file: number | undefined;
  /** Where the line of each hash begins, and how long it is. */
  readonly #places = new Map<string, { start: number; length: number }>();
  #end = 0;

  constructor(private readonly path: string) {}

  get(hash: string): Promise<string | undefined> {
    return this.#attempt((file) => {
      const place = this.#places.get(hash);
      if (place === undefined) return undefined;
      const line = read(file, place.start, place.length).toString("utf8");
      return line.trimEnd().replace(HEAD, "{");
    });
  }

  put(hash: string, verdict: string): Promise<void> {
    return this.#attempt((file) => {
      const line = Buffer.from(`{"hash":"${hash}",${verdict.slice(1)}\n`);
      for (let written = 0; written < line.length;) {
        written += writeSync(file, line, written, line.length - written, this.#end + written);
      }
      this.#places.set(hash, { start: this.#end, length: line.length });
      this.#end += line.length;
    });
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #attempt<T>(work: (file: number) => T): Promise<T> {
    return Promise.resolve().then(() => {
      try {
        return work((this.#file ??= this.#open()));
      } catch (cause) {
        const why = cause instanceof Error ? cause.message : String(cause);
        throw new LunetteError("source", `The journal ${this.path} cannot be used: ${why}.`, { cause });
      }
    });
  }

  /** Opens the file, which may be missing, and finds its lines. */
  #open(): number {
    // Makes the file, if it is missing. To append is not enough: lines are read as well, and a broken one is cut off.
    closeSync(openSync(this.path, "a"));
    const opened = openSync(this.path, "r+");
    try {
      this.#index(opened);
      ftruncateSync(opened, this.#end);
    } catch (error) {
      closeSync(opened);
      throw error;
    }
    return opened;
  }

  #index(file: number): void {
    this.#places.clear();
    this.#end = 0;
    let rest = Buffer.alloc(0);
    let number = 0;
    for (;;) {
      const piece = read(file, this.#end + rest.length, PIECE);
      if (piece.length === 0) return;
      rest = Buffer.concat([rest, piece]);
      for (let at = rest.indexOf(LINE_BREAK); at >= 0; at = rest.indexOf(LINE_BREAK)) {
        this.#note(rest.subarray(0, at + 1), ++number);
        rest = rest.subarray(at + 1);
      }
      // What is behind the last line is cut off. A file of another kind may have no line break at all.
      if (!START.startsWith(rest.subarray(0, START.length).toString("latin1"))) throw foreign(number + 1);
    }
  }

  #note(line: Buffer, number: number): void {
    const [, hash] = HEAD.exec(line.subarray(0, 32).toString("latin1")) ?? [];
    if (hash === undefined) throw foreign(number);
    this.#places.set(hash, { start: this.#end, length: line.length });
    this.#end += line.length;
  }
}

function foreign(line: number): Error {
  return new Error(`line ${line} is none of a journal's; give another file`);
}

function read(file: number, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, readSync(file, bytes, 0, length, at));
}
