import { beforeEach, describe, expect, it, vi } from "vitest";
import { Judge, openRows, renderReport, report, compareRuns } from "../src/index.js";
import type { BadRow, EvaluationSpec, Journal, Row, RowVerdict, ScoreTask } from "../src/index.js";
import type { WasmEngine, WasmModule } from "../src/wire/wasm-contract.js";
import { codedError, drainModel, fakeEngine, untilAborted, verdict } from "./fake-engine.js";
import { realWasm } from "./real-wasm.js";

const { load } = vi.hoisted(() => ({ load: vi.fn<WasmModule["WasmEngine"]["load"]>() }));
vi.mock("../src/wasm.js", () => ({
  loadWasm: async () => ({ ...(await realWasm()), WasmEngine: { load } }),
}));

const RUBRIC = { objective: "Is it good?", scale: { 1: "no", 2: "hardly", 3: "yes" } };
const SPEC: EvaluationSpec = { task: "score", rubrics: [{ name: "quality", rubric: RUBRIC }] };

let engine = fakeEngine();
let judge: Judge;

/** A score of 1 to 3, as long as the response. */
const scored = vi.fn<WasmEngine["judge"]>();

beforeEach(async () => {
  scored.mockReset();
  scored.mockImplementation((_kind, task) => {
    const { length } = (task as ScoreTask).response;
    return Promise.resolve({ ...verdict(length, null), distribution: { 1: 0, 2: 0, 3: 0, [length]: 1 } });
  });
  engine = { ...fakeEngine(), judge: scored };
  load.mockImplementation(async (source) => {
    await drainModel(source);
    return engine;
  });
  judge = await Judge.load(new Blob(["GGUF"]), { worker: false });
});

const row = (number: number, length = 1 + (number % 3)): Row => ({
  id: `r${number}`,
  input: `say ${number}`,
  response: "x".repeat(length),
  labels: [1 + (number % 3)],
});
const rows = (count: number) => Array.from({ length: count }, (_, number) => row(number));

async function all(results: AsyncIterable<RowVerdict>): Promise<RowVerdict[]> {
  const list: RowVerdict[] = [];
  for await (const result of results) list.push(result);
  return list;
}

function memoryJournal() {
  const kept = new Map<string, string>();
  const journal: Journal = {
    get: (hash) => Promise.resolve(kept.get(hash)),
    put: (hash, text) => Promise.resolve(void kept.set(hash, text)),
  };
  return { kept, journal };
}

describe("Judge.evaluate", () => {
  it("gives a result for each row in their order, whatever ends first", async () => {
    scored.mockImplementation(async (_kind, task, _options, _onToken, control) => {
      const { input, response } = task as ScoreTask;
      for (let i = Number(input.split(" ")[1]) % 5; i < 5; i += 1) await control.pause();
      return verdict(response.length, null);
    });
    const results = await all(judge.evaluate(rows(40), SPEC));
    expect(results.map(({ row, id }) => [row, id])).toEqual(rows(40).map(({ id }, number) => [number, id]));
    expect(results[1]).toEqual({
      row: 1,
      id: "r1",
      task: { input: "say 1", response: "xx" },
      labels: { quality: [2] },
      verdicts: {
        quality: {
          score: 2,
          expected: 2,
          distribution: { 2: 1 },
          outside: 0,
          critique: null,
          usage: { promptTokens: 1, completionTokens: 0 },
        },
      },
      overall: 0.5,
    });
  });

  it("fills the batch, and takes no row before there is a place for it", async () => {
    let taken = 0;
    let together = 0;
    let most = 0;
    scored.mockImplementation(async (_kind, _task, _options, _onToken, control) => {
      most = Math.max(most, ++together);
      for (let i = 0; i < 3; i += 1) await control.pause();
      together -= 1;
      return verdict(1, null);
    });
    function* source() {
      for (const row of rows(50)) {
        taken += 1;
        yield row;
      }
    }
    const results = judge.evaluate(source(), { ...SPEC, batch: 8 });
    for (let count = 1; count <= 50; count += 1) {
      expect((await results.next()).done).toBe(false);
      expect(taken).toBeLessThanOrEqual(count + 8);
    }
    expect(most).toBe(8);
    expect((await results.next()).done).toBe(true);
  });

  it("judges rows of a list that begin alike one behind the other", async () => {
    const order: number[] = [];
    scored.mockImplementation((_kind, task) => {
      order.push(Number((task as ScoreTask).response));
      return Promise.resolve(verdict(1, null));
    });
    // Ten passages by turns, then rows without any.
    const given = Array.from({ length: 220 }, (_, i) => ({
      input: `say ${i}`,
      response: String(i),
      ...(i < 200 && { context: [`passage ${i % 10}`, "and more"] }),
    }));
    const results = await all(judge.evaluate(given, { ...SPEC, batch: 4 }));
    expect(results.map(({ row }) => row)).toEqual(given.map((_, i) => i));
    expect(order.slice(0, 8)).toEqual([0, 10, 20, 30, 40, 50, 60, 1]);
    expect(order.slice(200)).toEqual(given.slice(200).map((_, i) => 200 + i));
    // None waits for more than a window.
    expect(Math.max(...order.map((row, place) => place - row))).toBeLessThan(64);
    order.length = 0;
    await all(judge.evaluate(given.values(), { ...SPEC, batch: 4 }));
    expect(order).toEqual(given.map((_, i) => i));
  });

  it("puts what is wrong with a row into its result", async () => {
    scored.mockImplementation((_kind, task) =>
      (task as ScoreTask).response === "xxx"
        ? Promise.reject(codedError("context-overflow", "it is too long"))
        : Promise.resolve(verdict(1, null)),
    );
    const data = [
      row(0),
      { line: 7, id: "b", reason: "it is no JSON" } satisfies BadRow,
      row(2),
      { input: "q" } as Row,
      { ...row(4), labels: ["excellent"] },
      { ...row(0), response: 5 } as unknown as Row,
      null as unknown as Row,
    ];
    const progress = vi.fn();
    const results = await all(judge.evaluate(data, { ...SPEC, onProgress: progress }));
    expect(results[0]?.verdicts).toBeDefined();
    expect(results[1]).toEqual({
      row: 1,
      line: 7,
      id: "b",
      error: { code: "invalid-row", message: "line 7: it is no JSON" },
    });
    expect(results[2]?.errors).toEqual({ quality: { code: "context-overflow", message: "it is too long" } });
    expect(results[3]?.errors?.["quality"]).toMatchObject({
      code: "invalid-row",
      message: expect.stringContaining("row.response must be a string") as string,
    });
    expect(results[4]?.error?.message).toContain("excellent");
    expect(results[5]?.error?.message).toContain("row.response must be a string, but is 5");
    expect(results[6]?.error?.message).toContain("row must be an object, but is null");
    expect(progress).toHaveBeenLastCalledWith(expect.objectContaining({ rows: 7, total: 7, failed: 6, resumed: 0 }));
  });

  it("ends with what stops the whole run", async () => {
    scored.mockImplementation((_kind, task) =>
      (task as ScoreTask).input === "say 3"
        ? Promise.reject(codedError("device-lost", "the device is gone"))
        : Promise.resolve(verdict(1, null)),
    );
    const seen: number[] = [];
    const run = (async () => {
      for await (const { row } of judge.evaluate(rows(9), { ...SPEC, batch: 1 })) seen.push(row);
    })();
    await expect(run).rejects.toMatchObject({ code: "device-lost" });
    expect(seen).toEqual([0, 1, 2]);
  });

  it("is aborted while rows are judged and while none come", async () => {
    scored.mockImplementation((_kind, _task, _options, _onToken, control) => untilAborted(control));
    for (const source of [
      rows(20),
      { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) },
    ]) {
      const control = new AbortController();
      const first = judge.evaluate(source, SPEC, { signal: control.signal }).next();
      setTimeout(() => control.abort(), 20);
      await expect(first).rejects.toMatchObject({ code: "aborted" });
    }
  });

  it("stops rows that are under way, and their source, when nobody wants more", async () => {
    const ended = vi.fn();
    scored.mockImplementation((_kind, task, _options, _onToken, control) => {
      if ((task as ScoreTask).input === "say 0") return Promise.resolve(verdict(1, null));
      return untilAborted(control).finally(ended);
    });
    const closed = vi.fn();
    function* source() {
      try {
        yield* rows(50);
      } finally {
        closed();
      }
    }
    for await (const result of judge.evaluate(source(), { ...SPEC, batch: 4 })) {
      expect(result.row).toBe(0);
      break;
    }
    expect(closed).toHaveBeenCalledOnce();
    await vi.waitFor(() => expect(ended.mock.calls.length).toBeGreaterThanOrEqual(3));
  });

  it("judges equal rows once, and nothing that a journal has", async () => {
    const { kept, journal } = memoryJournal();
    const data = [...rows(12), ...rows(12)];
    const spec = { ...SPEC, journal };
    const first = await all(judge.evaluate(data, spec));
    expect(scored).toHaveBeenCalledTimes(12);
    expect(kept.size).toBe(12);
    const progress = vi.fn();
    const second = await all(judge.evaluate(data, { ...spec, onProgress: progress }));
    expect(JSON.stringify(second)).toBe(JSON.stringify(first));
    expect(scored).toHaveBeenCalledTimes(12);
    expect(progress).toHaveBeenLastCalledWith({ rows: 24, total: 24, failed: 0, resumed: 24 });
    // Another option, another rubric, and another row are other verdicts.
    await all(judge.evaluate(rows(1), spec, { critique: false }));
    await all(
      judge.evaluate(rows(1), { ...spec, rubrics: [{ name: "q", rubric: { ...RUBRIC, objective: "Else?" } }] }),
    );
    await all(judge.evaluate([{ ...row(0), reference: "x" }], spec));
    expect(scored).toHaveBeenCalledTimes(15);
  });

  it("goes on where a run ended early", async () => {
    const { journal } = memoryJournal();
    const spec = { ...SPEC, journal, batch: 4 };
    for await (const { row } of judge.evaluate(rows(30), spec)) if (row === 9) break;
    const before = scored.mock.calls.length;
    const results = await all(judge.evaluate(rows(30), spec));
    expect(scored.mock.calls.length).toBeLessThanOrEqual(30 + 4);
    expect(before).toBeLessThan(20);
    expect(results).toHaveLength(30);
  });

  it.each([
    [{ task: "rank" }, {}, 'spec.task must be "score" or "classify" or "compare"'],
    [
      { rubrics: [{ name: "a", rubric: { objective: "?", labels: { Yes: "", No: "" } } }] },
      {},
      "spec.rubrics[0].rubric.scale",
    ],
    [{ rubrics: [SPEC.rubrics[0], SPEC.rubrics[0]] }, {}, 'two rubrics have the name "quality"'],
    [{ rubrics: [{ ...SPEC.rubrics[0], weight: 0 }] }, {}, "all rubrics have the weight 0"],
    [{ rubrics: [{ ...SPEC.rubrics[0], pass: ["Yes"] }] }, {}, "none of its labels"],
    [{ batch: 65 }, {}, "spec.batch must be a whole number from 1 to 64"],
    [{ journal: {} }, {}, "spec.journal.get must be a function"],
    [{ rubric: RUBRIC }, {}, "spec.rubric is not supported"],
    [{}, { bothOrders: true }, "options.bothOrders is not supported"],
  ])("refuses %o", async (wrong, options, message) => {
    const results = judge.evaluate(rows(1), { ...SPEC, ...wrong } as EvaluationSpec, options);
    await expect(results.next()).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining(message) as string,
    });
    expect(scored).not.toHaveBeenCalled();
  });

  it("refuses what is no rows", async () => {
    for (const wrong of ["rows", 5, {}, undefined]) {
      await expect(judge.evaluate(wrong as unknown as Row[], SPEC).next()).rejects.toMatchObject({
        message: expect.stringContaining("rows must be an array") as string,
      });
    }
  });
});

describe("openRows", () => {
  it("knows formats, shapes and columns", async () => {
    const file = await openRows(new File(['question,answer,human\nhi,ho,3\n"a\nb",c,1\n'], "a.csv"));
    const { format, columns, names } = file;
    expect({ format, columns, names }).toEqual({
      format: "csv",
      columns: { input: "question", response: "answer", label: "human" },
      names: ["question", "answer", "human"],
    });
    const expected = [
      { input: "hi", response: "ho", labels: ["3"], line: 2 },
      { input: "a\nb", response: "c", labels: ["1"], line: 3 },
    ];
    // Each pass reads the file anew.
    for (let pass = 0; pass < 2; pass += 1) {
      const read: unknown[] = [];
      for await (const row of file) read.push(row);
      expect(read).toEqual(expected);
    }
  });

  it("keeps the place of what cannot be read, and takes a map", async () => {
    const lines = ['{"q": "a", "r": {"text": "b"}, "x": 1, "y": 2}', "{", '{"q": "c", "r": {"text": "d"}, "y": 3}'];
    const map = { input: "q", response: "r.text", "label.x": "x", "label.y": ["y"] };
    const read: unknown[] = [];
    for await (const row of await openRows(new Blob([lines.join("\n")]), { map })) read.push(row);
    expect(read[0]).toEqual({ input: "a", response: "b", labels: { x: [1], y: [2] }, line: 1 });
    expect(read[1]).toMatchObject({ line: 2, reason: expect.any(String) as string });
    expect(read[2]).toMatchObject({ input: "c", line: 3 });
  });

  it("hands on every row of a large file once", async () => {
    const line = (i: number) => `${JSON.stringify({ id: `r${i}`, input: "q".repeat(200), response: "a" })}\n`;
    const file = new Blob(Array.from({ length: 20_000 }, (_, i) => line(i)));
    let count = 0;
    for await (const row of await openRows(file)) expect(row.id).toBe(`r${count++}`);
    expect(count).toBe(20_000);
  });

  it("says what is wrong", async () => {
    await expect(openRows(new Blob(["PAR1"]))).rejects.toMatchObject({ code: "invalid-argument" });
    await expect(openRows(new Blob(["a,b\n1,2\n"]), { map: { input: "c" } })).rejects.toMatchObject({
      message: expect.stringContaining("no such column") as string,
    });
    await expect(openRows(5 as unknown as Blob)).rejects.toMatchObject({ code: "invalid-argument" });
  });
});

describe("report", () => {
  it("is made of results, and rendered", async () => {
    const results = await all(judge.evaluate(rows(30), SPEC));
    const made = await report(results, SPEC, { resamples: 100 });
    const [section] = made.sections;
    expect(section?.counts).toMatchObject({ rows: 30, compared: 30, failed: 0 });
    expect(section?.figures.find(({ metric }) => metric === "kappa")?.value).toBe(1);
    expect(made.settings).toMatchObject({ scale: [1, 2, 3], resamples: 100 });
    expect(await report(judge.evaluate(rows(30), SPEC), SPEC, { resamples: 100 })).toEqual(made);
    expect(await renderReport(made, "html")).toContain("<!doctype html>");
    expect(JSON.parse(await renderReport(made, "json"))).toEqual(made);
    for (const form of ["markdown", "csv", "junit"] as const)
      expect(await renderReport(made, form)).toContain("quality");
  });

  it("leaves out details on request", async () => {
    const results = await all(judge.evaluate(rows(30), SPEC));
    const whole = await report(results, SPEC, { resamples: 100 });
    const bare = await report(results, SPEC, { resamples: 100, details: false });
    expect(whole.rows[0]?.shown.responses).toHaveLength(1);
    const nothing = { shown: { input: "", responses: [] }, verdict: null, human: [] };
    expect(bare.rows).toEqual(whole.rows.map((row) => ({ ...row, ...nothing })));
    // Only the baseline that is made of lengths is missing.
    const figures = ({ sections }: typeof whole) =>
      sections.flatMap((section) =>
        section.figures.map((figure) => ({
          ...figure,
          baselines: figure.baselines.filter(({ name }) => name !== "longer"),
        })),
      );
    expect(figures(bare)).toEqual(figures(whole));
    await expect(report(results, SPEC, { details: 1 } as object)).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("compares two runs on the same rows", async () => {
    const first = await all(judge.evaluate(rows(30), SPEC));
    scored.mockImplementation(() => Promise.resolve({ ...verdict(2, null), distribution: { 1: 0, 2: 1, 3: 0 } }));
    const second = await all(judge.evaluate(rows(30), SPEC));
    const { sections } = await compareRuns(first, second, SPEC, { resamples: 200 });
    const accuracy = sections[0]?.figures.find(({ metric }) => metric === "accuracy");
    expect(accuracy).toMatchObject({ first: 1, n: 30 });
    expect(accuracy?.second).toBeCloseTo(1 / 3);
  });

  it("names what is wrong, and can be aborted", async () => {
    await expect(report([{ row: -1 }], SPEC)).rejects.toMatchObject({
      message: expect.stringContaining("results[0]") as string,
    });
    await expect(report([], SPEC, { confidence: 2 })).rejects.toMatchObject({
      message: expect.stringContaining("`confidence` is 2") as string,
    });
    await expect(report([], SPEC, { seeds: 1 } as object)).rejects.toMatchObject({
      message: expect.stringContaining("options.seeds is not supported") as string,
    });
    const signal = AbortSignal.abort();
    await expect(report(await all(judge.evaluate(rows(3), SPEC)), SPEC, { signal })).rejects.toMatchObject({
      code: "aborted",
    });
    await expect(renderReport({} as never, "html")).rejects.toMatchObject({ code: "invalid-argument" });
  });
});
