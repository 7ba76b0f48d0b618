import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, fromWire, LunetteError, toWire } from "../src/errors.js";
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

it("every code is in the README's table, and no other", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const rows = [...readme.matchAll(/^\| `([a-z-]+)` \|/gm)].map((row) => row[1]);
  expect(rows).toEqual([...ERROR_CODES]);
});
