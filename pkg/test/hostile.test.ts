// What comes from outside as data: a server's headers, and what callers without types pass, which becomes messages to the worker.
// LUNETTE_FUZZ_RUNS sets how many of each are tried.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LunetteError } from "../src/wire/errors.js";
import * as evaluation from "../src/wire/evaluation-inputs.js";
import * as inputs from "../src/wire/inputs.js";
import { compare, readHeaders, readLinked } from "../src/worker/source/response.js";
import { delayMs, RETRY_POLICY, retryAfterMs } from "../src/worker/source/retry.js";
import { realWasm } from "./real-wasm.js";

const RUNS = Number(process.env["LUNETTE_FUZZ_RUNS"] ?? 500);

/** Numbers as headers have them, and as they should not. */
const number = fc.oneof(
  fc.nat().map(String),
  fc.constantFrom("-1", "1e9", "0x10", "9007199254740993", "9".repeat(40), " 7", "*", ""),
);
const hash = fc.constantFrom("a".repeat(64), `"${"B".repeat(64)}"`, `W/"${"0".repeat(64)}"`, "a".repeat(63), "");
// What a header may hold at all (RFC 9110): visible characters and spaces.
const any = fc.string({ unit: fc.integer({ min: 32, max: 126 }).map((code) => String.fromCharCode(code)) });
const range = fc.tuple(number, number, number).map(([begin, end, size]) => `bytes ${begin}-${end}/${size}`);

const headers = fc.record(
  {
    "content-range": fc.oneof(range, any),
    "content-length": fc.oneof(number, any),
    "content-encoding": fc.constantFrom("gzip", "br", ""),
    etag: fc.oneof(hash, any),
    "last-modified": any,
    "x-linked-etag": fc.oneof(hash, any),
    "x-linked-size": fc.oneof(number, any),
  },
  { requiredKeys: [] },
);

const isWhole = (value: number | undefined) => value === undefined || (Number.isSafeInteger(value) && value >= 0);

describe("a server's headers", () => {
  it("become numbers that can be counted with, and hashes, or nothing", () => {
    const property = fc.property(headers, fc.constantFrom(200, 206), fc.nat(), (given, status, from) => {
      const found = readHeaders(new Response(null, { status, headers: given }), from);
      // One that is past all counting is a file of another kind, which the download then says.
      expect(Number.isInteger(found.begin) && found.begin >= 0 && isWhole(found.size)).toBe(true);
      const linked = readLinked(new Headers(given));
      expect(isWhole(linked.size)).toBe(true);
      expect(linked.sha256 ?? "0".repeat(64)).toMatch(/^[0-9a-f]{64}$/);
      expect(compare(found, found)).not.toBe("other");
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it("delay an attempt by a minute at most", () => {
    const property = fc.property(fc.oneof(number, any), fc.integer({ min: 1, max: 6 }), (header, failures) => {
      const delay = delayMs(RETRY_POLICY, failures, retryAfterMs(header));
      expect(delay > 0 && delay <= RETRY_POLICY.longestRetryAfterMs).toBe(true);
    });
    fc.assert(property, { numRuns: RUNS });
  });
});

/** Names that the objects of callers have, so that what is generated is near to what is expected. */
const NAMES = (
  "input response responseA responseB responses reference context rubric rubrics criteria objective scale labels name " +
  "weight threshold minimum task id group slice systems line url bytes sha256 parts role " +
  "content regex grammar schema maxTokens seed samples method constructor __proto__ toString length 1 2 " +
  "10 Yes No"
).split(" ");
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("", "score", "classify", "compare", "user", "1", "Yes", "a".repeat(9999)),
);

const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(null, undefined, true, 0, -1, 1.5, NaN, Infinity, 2 ** 53, () => 1, Symbol("s"), new Date(NaN)),
    text,
    fc.double(),
    fc.bigInt(),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Uint32Array.from(bytes)),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...NAMES), text), tie("value"), { maxKeys: 6 }),
  ),
}));

/** All checks of what a caller passes. */
const CHECKS = Object.entries({ ...inputs, ...evaluation }).filter(([name]) => name !== "termsOf") as [
  string,
  (value: unknown, where: string) => unknown,
][];

const refused = (error: unknown) => {
  expect(error).toBeInstanceOf(LunetteError);
  expect(["invalid-argument", "context-overflow"]).toContain((error as LunetteError).code);
};

describe("what callers pass", () => {
  it.each(CHECKS)("is copied or refused in words: %s", (_, check) => {
    const property = fc.property(value, (given) => {
      try {
        check(given, "it");
      } catch (error) {
        refused(error);
      }
    });
    fc.assert(property, { numRuns: RUNS });
  });

  it("reaches the engine's rows, which refuse in words what they cannot use", async () => {
    const wasm = await realWasm();
    const words = fc.string({ unit: "binary", maxLength: 20 });
    const json = fc.jsonValue({ maxDepth: 3 });
    const descriptions = fc.dictionary(fc.oneof(fc.constantFrom("1", "2", "0.5", "-3", "Yes", "A+"), words), words, {
      maxKeys: 5,
    });
    const rubric = fc.oneof(
      fc.record({ objective: words, scale: descriptions }),
      fc.record({ objective: words, labels: descriptions }),
      words,
    );
    const spec = fc.record({
      task: fc.constantFrom("score" as const, "classify" as const, "compare" as const),
      rubrics: fc.array(fc.record({ name: words, rubric, weight: fc.double() }, { requiredKeys: ["name", "rubric"] }), {
        maxLength: 3,
      }),
    });
    const row = fc.record(
      {
        input: words,
        response: words,
        responseA: words,
        responseB: words,
        reference: words,
        rubric: json,
        criteria: words,
        labels: json,
      },
      { requiredKeys: ["input"] },
    );
    const meanings = fc.dictionary(words, words, { maxKeys: 3 });
    const property = fc.property(spec, row, meanings, (spec, row, meanings) => {
      try {
        const terms = evaluation.termsOf(evaluation.reportSpec(spec, "spec"));
        const prepared = wasm.prepareRow(terms, meanings, "{}", evaluation.row(row, "row"));
        wasm.rowWorth(terms, evaluation.row(row, "row").task, {});
        expect(prepared).toBeTypeOf("object");
      } catch (error) {
        // The engine's own errors carry a code, and are no traps.
        expect(error).not.toBeInstanceOf(WebAssembly.RuntimeError);
        expect((error as LunetteError).code).toMatch(/^(invalid-argument|context-overflow)$/);
      }
    });
    fc.assert(property, { numRuns: RUNS });
  });
});
