import { beforeEach, describe, expect, it, vi } from "vitest";
import { Judge, Panel } from "../src/index.js";
import type { PreferenceVerdict, ScoreTask, ScoreVerdict } from "../src/index.js";
import type { JudgeTasks } from "../src/wire/tasks.js";
import type { WasmModule } from "../src/wire/wasm-contract.js";
import { codedError, drainModel, fakeEngine, untilAborted, verdict } from "./fake-engine.js";
import { realWasm } from "./real-wasm.js";

const TASK: ScoreTask = { input: "q", response: "abc", rubric: { objective: "?", scale: { 1: "no", 2: "yes" } } };
const PAIR = { input: "q", responseA: "x", responseB: "y", criteria: "?" };

// Fake engines with the real module's statistics.
const load = vi.fn<WasmModule["WasmEngine"]["load"]>();
vi.mock("../src/wasm.js", () => ({ loadWasm: async () => ({ ...(await realWasm()), WasmEngine: { load } }) }));

type Verdict = JudgeTasks[keyof JudgeTasks]["verdict"];

async function judgeThatSays(...verdicts: Verdict[]) {
  const engine = fakeEngine();
  for (const answer of verdicts) engine.judge.mockResolvedValueOnce(answer);
  load.mockImplementationOnce(async (source) => {
    await drainModel(source);
    return engine;
  });
  const judge = await Judge.load(new Blob(["GGUF"]), { worker: false });
  return { judge, engine };
}

function score(value: number, distribution: Record<string, number>): ScoreVerdict {
  const expected = Object.entries(distribution).reduce((sum, [level, p]) => sum + Number(level) * p, 0);
  return { ...verdict(value, null), expected, distribution };
}

function preference(winner: "a" | "b" | "tie", probabilityA: number): PreferenceVerdict {
  const { usage, timing } = verdict(1, null);
  return {
    method: "pairwise",
    winner,
    probabilityA,
    consistent: true,
    orders: [],
    outside: 0,
    critique: null,
    usage,
    timing,
  };
}

beforeEach(() => {
  load.mockReset();
});

describe("Panel", () => {
  it("combines scores by vote and mean, and keeps what each judge said", async () => {
    const said = [score(2, { 1: 0.25, 2: 0.75 }), score(1, { 1: 1, 2: 0 }), score(2, { 1: 0.25, 2: 0.75 })] as const;
    const judges = [];
    // One by one: of imports at the same time, not all are given the mock.
    for (const answer of said) judges.push((await judgeThatSays(answer)).judge);
    const combined = await Panel.of(judges).score(TASK);
    expect(combined).toMatchObject({
      score: 2,
      expected: 1.5,
      median: 1.75,
      distribution: { 1: 0.5, 2: 0.5 },
      outside: 0,
    });
    expect(combined.disagreement.dissent).toBeCloseTo(1 / 3, 12);
    expect(combined.disagreement.spread).toBeCloseTo(Math.sqrt(0.125), 12);
    expect(combined.verdicts).toEqual(said);
  });

  it("combines labels", async () => {
    const { usage, timing } = verdict(1, null);
    const base = { outside: 0, critique: null, usage, timing };
    const yes = { label: "Yes", distribution: { Yes: 0.75, No: 0.25 }, ...base };
    const no = { label: "No", distribution: { Yes: 0, No: 1 }, ...base };
    const panel = Panel.of([(await judgeThatSays(yes)).judge, (await judgeThatSays(no)).judge]);
    const task = { input: "q", response: "r", rubric: { objective: "?", labels: { Yes: "y", No: "n" } } };
    expect(await panel.classify(task)).toEqual({
      label: "No",
      distribution: { Yes: 0.375, No: 0.625 },
      outside: 0,
      disagreement: { dissent: 0.5 },
      verdicts: [yes, no],
    });
  });

  it("combines preferences", async () => {
    const said = [preference("a", 0.875), preference("b", 0.375)];
    const judges = [];
    // One by one: of imports at the same time, not all are given the mock.
    for (const answer of said) judges.push((await judgeThatSays(answer)).judge);
    expect(await Panel.of(judges).compare(PAIR, { ties: true })).toEqual({
      winner: "a",
      probabilityA: 0.625,
      disagreement: { dissent: 0.5, spread: 0.25 },
      verdicts: said,
    });
  });

  it("says which judge a piece of a critique is from", async () => {
    const judges = [(await judgeThatSays()).judge, (await judgeThatSays()).judge];
    const heard = new Set<string>();
    await Panel.of(judges).score(TASK, { onToken: (text, { index }) => heard.add(`${index}:${text}`) });
    expect([...heard].sort()).toEqual(["0: enough.", "0:Fair", "1: enough.", "1:Fair"]);
  });

  it("stops the others when one fails, and when the caller says so", async () => {
    const failing = await judgeThatSays();
    failing.engine.judge.mockRejectedValue(codedError("device-lost", "gone"));
    const endless = await judgeThatSays();
    let stopped = 0;
    endless.engine.judge.mockImplementation((_kind, _task, _options, _onToken, control) =>
      untilAborted(control).finally(() => (stopped += 1)),
    );
    await expect(Panel.of([endless.judge, failing.judge]).score(TASK)).rejects.toMatchObject({ code: "device-lost" });
    await vi.waitFor(() => {
      expect(stopped).toBe(1);
    });
    const aborting = new AbortController();
    const call = Panel.of([endless.judge]).score(TASK, { signal: aborting.signal });
    aborting.abort("enough");
    await expect(call).rejects.toMatchObject({ code: "aborted", cause: "enough" });
  });

  it("refuses what is no panel", () => {
    expect(() => Panel.of([])).toThrow("judges must be a list of at least one judge");
    expect(() => Panel.of([{} as unknown as Judge])).toThrow("judges[0] must be a Judge");
  });
});

describe("judge.withCalibration", () => {
  const map = { thresholds: [1, 2], values: [10, 20] };

  it("adds the calibrated score and changes nothing else", async () => {
    const said = score(2, { 1: 0.25, 2: 0.75 });
    const { judge } = await judgeThatSays(said, [said, said], said);
    const calibrated = judge.withCalibration(map);
    expect(calibrated.engine).toBe(judge.engine);
    expect(await calibrated.score(TASK)).toEqual({ ...said, calibrated: 17.5 });
    const { rubric, ...subject } = TASK;
    const many = await calibrated.scoreMany({ ...subject, rubrics: [rubric, rubric] });
    expect(many.map((one) => one.calibrated)).toEqual([17.5, 17.5]);
    expect(await judge.score(TASK)).toEqual(said);
  });

  it("keeps the map as it was given", async () => {
    const { judge } = await judgeThatSays(score(2, { 1: 0.25, 2: 0.75 }));
    const own = structuredClone(map);
    const calibrated = judge.withCalibration(own);
    own.values[1] = -1;
    expect((await calibrated.score(TASK)).calibrated).toBe(17.5);
  });

  it("refuses a broken map before anything is judged", async () => {
    const { judge } = await judgeThatSays();
    expect(() => judge.withCalibration({ thresholds: [2, 1], values: [1, 2] })).toThrow("map.thresholds");
  });
});
