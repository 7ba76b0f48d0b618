import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileJournal } from "../src/node/journal.js";

let folder: string;
let path: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lunette-journal-"));
  path = join(folder, "verdicts.jsonl");
});
afterEach(() => rmSync(folder, { recursive: true }));

const verdict = (score: number) => JSON.stringify({ verdict: { score, critique: "a\nb é" } });

describe("fileJournal", () => {
  it("keeps what was put, as the terminal writes it", async () => {
    const journal = fileJournal(path);
    expect(await journal.get("0a")).toBeUndefined();
    await journal.put("0a", verdict(1));
    await journal.put("0b", verdict(2));
    expect(await journal.get("0a")).toBe(verdict(1));
    journal.close();
    const again = fileJournal(path);
    expect(await Promise.all(["0a", "0b", "0c"].map((hash) => again.get(hash)))).toEqual([
      verdict(1),
      verdict(2),
      undefined,
    ]);
    again.close();
    expect(readFileSync(path, "utf8").split("\n")[0]).toBe('{"hash":"0a","verdict":{"score":1,"critique":"a\\nb é"}}');
  });

  it("cut off anywhere, keeps its complete lines", async () => {
    const journal = fileJournal(path);
    await journal.put("0a", verdict(1));
    await journal.put("0b", verdict(2));
    journal.close();
    const whole = readFileSync(path);
    const first = whole.indexOf("\n") + 1;
    for (let length = 0; length <= whole.length; length += 1) {
      writeFileSync(path, whole.subarray(0, length));
      const cut = fileJournal(path);
      expect(await cut.get("0a")).toBe(length >= first ? verdict(1) : undefined);
      expect(await cut.get("0b")).toBe(length === whole.length ? verdict(2) : undefined);
      await cut.put("0c", verdict(3));
      expect(await cut.get("0c")).toBe(verdict(3));
      cut.close();
    }
  });

  it("finds the lines of a large file", async () => {
    const name = (i: number) => i.toString(16).padStart(16, "0");
    const lines = Array.from({ length: 50_000 }, (_, i) => `{"hash":"${name(i)}","verdict":{"score":${i}}}\n`);
    writeFileSync(path, lines.join(""));
    const journal = fileJournal(path);
    for (const i of [0, 23_456, 49_999]) expect(await journal.get(name(i))).toBe(`{"verdict":{"score":${i}}}`);
    journal.close();
  });

  it("leaves other files alone", async () => {
    const own = `{"hash":"0b","verdict":{}}\n`;
    for (const text of ["Dear diary,\n", "Dear diary", '{"scores":[1]}', "{}", `${own}Dear`, "x".repeat(3 << 20)]) {
      writeFileSync(path, text);
      const message = expect.stringContaining(`line ${text.startsWith(own) ? 2 : 1} is none`) as string;
      await expect(fileJournal(path).put("0a", verdict(1))).rejects.toMatchObject({ code: "source", message });
      expect(readFileSync(path, "utf8") === text).toBe(true);
    }
    await expect(fileJournal(folder).get("0a")).rejects.toMatchObject({ code: "source" });
  });
});
