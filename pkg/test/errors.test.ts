import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, fromWire, LunetteError, toWire } from "../src/wire/errors.js";
import { codedError } from "./fake-engine.js";

const across = (error: unknown) => fromWire(structuredClone(toWire(error)));

describe("an error that crosses the worker", () => {
  it("keeps its class, code and message", () => {
    const error = across(new LunetteError("source", "gone"));
    expect(error.cause).toBeUndefined();
    expect(error).toBeInstanceOf(LunetteError);
    expect(error).toMatchObject({ name: "LunetteError", code: "source", message: "gone" });
  });

  it("keeps its cause", () => {
    const { cause } = across(new LunetteError("source", "gone", { cause: new TypeError("Failed to fetch") }));
    expect(cause).toBeInstanceOf(Error);
    expect(cause).toMatchObject({ name: "TypeError", message: "Failed to fetch" });
  });

  it("is recognized when Rust made it", () => {
    expect(across(codedError("truncated", "ends early"))).toMatchObject({ code: "truncated", message: "ends early" });
  });

  it.each([
    ["a code that is not ours", codedError("EPIPE", "broken pipe")],
    ["no code", new RangeError("out of range")],
    ["no error at all", "just text"],
  ])("is internal when it has %s", (_, thrown) => {
    const error = across(thrown);
    expect(error.code).toBe("internal");
    expect(error.message).toContain(thrown instanceof Error ? thrown.message : thrown);
  });
});

describe("the codes", () => {
  const text = (path: string) => readFileSync(new URL(path, import.meta.url), "utf8");
  const rows = (markdown: string) => [...markdown.matchAll(/^\| `([a-z-]+)` \|(.*)\|$/gm)];

  it("are all in the README's table, and no others", () => {
    expect(rows(text("../README.md")).map(([, code]) => code)).toEqual([...ERROR_CODES]);
  });

  it("are all in docs/errors.md, each with its cause, what the user sees and the way out", () => {
    const table = rows(text("../../docs/errors.md"));
    expect(table.map(([, code]) => code)).toEqual([...ERROR_CODES]);
    for (const [, code, cells = ""] of table) {
      const filled = cells.split("|").map((cell) => cell.trim());
      expect(filled, code).toHaveLength(3);
      for (const cell of filled) expect(cell, code).toMatch(/^\S.{8,}[.]$/s);
    }
  });

  it("of the engine are all known here", () => {
    const source = text("../../src/error.rs");
    const thrown = [...source.matchAll(/^\s*Error::\w+(?:\(_\)| \{ \.\. \})? => "([a-z-]+)",$/gm)].map(
      ([, code]) => code,
    );
    const list = /CODES: \[&str; \d+\] = \[(.*?)\]/s.exec(source)?.[1] ?? "";
    const kept = [...list.matchAll(/"([a-z-]+)"/g)].map(([, code]) => code);
    expect(thrown.length).toBeGreaterThan(10);
    for (const code of [...thrown, ...kept]) expect(ERROR_CODES).toContain(code);
    // The engine never throws the codes that JavaScript adds.
    const own = ERROR_CODES.filter((code) => !kept.includes(code));
    expect(own).toEqual(["in-use", "overloaded", "disposed", "engine-unavailable"]);
  });
});
