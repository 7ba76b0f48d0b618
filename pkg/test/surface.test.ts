import { beforeEach, describe, expect, it, vi } from "vitest";
import { Engine, Judge, LunetteError } from "../src/index.js";
import type { LoadOptions, ScoreTask } from "../src/index.js";
import type { ModelBytes, WasmAdapter, WasmModule } from "../src/wire/wasm-contract.js";
import { codedError, drainModel, fakeEngine, fakeModule, INFO, untilAborted, verdict } from "./fake-engine.js";

const TASK: ScoreTask = { input: "q", response: "abc", rubric: { objective: "?", scale: { 1: "no", 2: "yes" } } };

let engine = fakeEngine();
const { load, readAdapter } = vi.hoisted(() => ({
  load: vi.fn<WasmModule["WasmEngine"]["load"]>(),
  readAdapter: vi.fn<WasmModule["WasmAdapter"]["read"]>(),
}));
vi.mock("../src/wasm.js", () => ({
  loadWasm: () => Promise.resolve(fakeModule(load, { WasmAdapter: { read: readAdapter } })),
}));

beforeEach(() => {
  engine = fakeEngine();
  load.mockReset();
  load.mockImplementation(async (source, _options, onProgress) => {
    const loaded = await drainModel(source);
    onProgress({ phase: "ready", loaded, total: loaded });
    return engine;
  });
});

const model = new Blob(["GGUF and so on"]);
const loadJudge = (options: LoadOptions = {}) => Judge.load(model, { worker: false, ...options });

describe("Judge.load", () => {
  it("passes the options on and says what was loaded", async () => {
    const onProgress = vi.fn();
    const judge = await loadJudge({ backend: "wasm", contextLength: 8, disable: ["subgroups"], onProgress });
    expect(judge.info).toEqual(INFO);
    expect(load.mock.calls[0]?.[1]).toEqual({ backend: "wasm", contextLength: 8, disable: ["subgroups"] });
    expect(onProgress).toHaveBeenLastCalledWith({ phase: "ready", loaded: 14, total: 14 });
  });

  it("does not flood the page with progress", async () => {
    load.mockImplementation((_source, _options, onProgress) => {
      for (let loaded = 0; loaded <= 1000; loaded += 1) onProgress({ phase: "download", loaded, total: 1000 });
      onProgress({ phase: "compile", loaded: 0, total: 2 });
      return Promise.resolve(engine);
    });
    const seen: string[] = [];
    await loadJudge({
      onProgress: ({ phase, loaded }) => {
        seen.push(`${phase} ${loaded}`);
      },
    });
    expect(seen.length).toBeLessThan(20);
    expect(seen).toEqual(expect.arrayContaining(["upload 0", "upload 1000", "compile 0"]));
  });

  it("rejects with what the engine found wrong, and frees nothing that is not there", async () => {
    load.mockRejectedValue(codedError("unsupported-architecture", 'the architecture "rwkv" is not supported.'));
    await expect(loadJudge()).rejects.toMatchObject({ name: "LunetteError", code: "unsupported-architecture" });
    expect(engine.free).not.toHaveBeenCalled();
  });

  it("rejects with the cause when the bytes cannot be read, whatever the engine makes of it", async () => {
    load.mockImplementation(async (source) => {
      await (await source.open(0)).next().catch(() => {
        throw codedError("source", "the model could not be read");
      });
      return engine;
    });
    const file = new Blob(["x"]);
    file.slice = () =>
      ({ size: 1, arrayBuffer: () => Promise.reject(new DOMException("no", "NotReadableError")) }) as unknown as Blob;
    const stub = vi.spyOn(globalThis, "MessageChannel").mockImplementation(function () {
      return pipe() as unknown as MessageChannel;
    });
    await expect(Judge.load(file, { worker: false })).rejects.toMatchObject({
      code: "source",
      cause: { name: "NotReadableError" },
    });
    stub.mockRestore();
  });

  it("can be aborted, before and while it runs", async () => {
    const reason = new Error("changed my mind");
    await expect(loadJudge({ signal: AbortSignal.abort(reason) })).rejects.toMatchObject({
      code: "aborted",
      cause: reason,
    });
    load.mockImplementation((_source, _options, _onProgress, _onRecovery, control) => untilAborted(control));
    const aborting = new AbortController();
    const loading = loadJudge({ signal: aborting.signal });
    await vi.waitFor(() => {
      expect(load).toHaveBeenCalled();
    });
    aborting.abort(reason);
    await expect(loading).rejects.toMatchObject({ code: "aborted", cause: reason });
  });

  it("adds the licence that the caller knows", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("GGUF")));
    const judge = await Judge.load({ url: "https://models.example/a.gguf", license: "MIT" }, { worker: false });
    expect(judge.info.license).toBe("MIT");
    vi.unstubAllGlobals();
  });
});

describe("adapters", () => {
  const textOf = async (file: ModelBytes) => {
    const source = await file.open(0);
    let text = "";
    for (let bytes = await source.next(); bytes !== null; bytes = await source.next())
      text += String.fromCharCode(...bytes);
    return text;
  };

  it("are read before the model, those of its reference unless others are given", async () => {
    vi.stubGlobal("fetch", (url: string) => Promise.resolve(new Response(url.slice(-3))));
    const freed = vi.fn();
    readAdapter.mockImplementation(async (file) => {
      const name = await textOf(file);
      return { name, share: () => ({ name }), free: freed } as unknown as WasmAdapter;
    });
    const model = { url: "https://models.example/m.gguf", adapters: [{ url: "https://models.example/one" }] };
    const given = () => load.mock.lastCall?.[5];
    await Judge.load(model, { worker: false });
    expect(given()).toEqual([{ name: "one" }]);
    await Judge.load(model, { worker: false, adapters: ["https://models.example/two", new Blob(["six"])] });
    expect(given()).toEqual([{ name: "two" }, { name: "six" }]);
    await Judge.load(model, { worker: false, adapters: [] });
    expect(given()).toEqual([]);
    expect(freed).toHaveBeenCalledTimes(3);
    await Judge.load(model, { worker: false, head: new Blob(["top"]) });
    expect(given()).toEqual([{ name: "one" }]);
    expect(load.mock.lastCall?.[6]).toEqual({ name: "top" });
    expect(freed).toHaveBeenCalledTimes(5);
    vi.unstubAllGlobals();
  });

  it("that cannot be read keep the model from being asked for", async () => {
    readAdapter.mockRejectedValue(codedError("invalid-argument", "this one is a model"));
    const loading = Judge.load(new Blob(["GGUF"]), { worker: false, adapters: [new Blob(["GGUF"])] });
    await expect(loading).rejects.toMatchObject({ code: "invalid-argument", message: /this one is a model/ });
    expect(load).not.toHaveBeenCalled();
  });
});

describe("judge.score", () => {
  it("streams the critique and returns the verdict", async () => {
    const judge = await loadJudge();
    const pieces: string[] = [];
    const result = await judge.score(TASK, {
      seed: 1,
      onToken: (text) => {
        pieces.push(text);
      },
    });
    expect(pieces).toEqual(["Fair", " enough."]);
    expect(result).toEqual(verdict(3, "Fair enough."));
    expect(engine.judge.mock.calls[0]?.slice(0, 3)).toEqual(["score", TASK, { seed: 1 }]);
  });

  it("streams a thought apart from the critique", async () => {
    const judge = await loadJudge();
    engine.judge.mockImplementationOnce((_kind, _task, _options, onToken) => {
      onToken?.("Hm.", 0, "thinking");
      onToken?.("Fair.", 0, "critique");
      return Promise.resolve({ ...verdict(3, "Fair."), thinking: "Hm." });
    });
    const onToken = vi.fn();
    const result = await judge.score(TASK, { thinking: { maxTokens: 40 }, onToken });
    expect(result.thinking).toBe("Hm.");
    expect(onToken.mock.calls).toEqual([
      ["Hm.", { part: "thinking", index: 0 }],
      ["Fair.", { part: "critique", index: 0 }],
    ]);
    expect(engine.judge.mock.calls[0]?.[2]).toEqual({ thinking: { maxTokens: 40 } });
  });

  it("asks for no tokens when nobody listens", async () => {
    const judge = await loadJudge();
    await judge.score(TASK, { critique: false });
    expect(engine.judge.mock.calls[0]?.[3]).toBeUndefined();
  });

  it("gives overlapping calls their own verdicts", async () => {
    const judge = await loadJudge();
    const responses = Array.from({ length: 20 }, (_, index) => "x".repeat(index));
    const verdicts = await Promise.all(responses.map((response) => judge.score({ ...TASK, response })));
    expect(verdicts.map(({ score }) => score)).toEqual(responses.map(({ length }) => length));
  });

  it("stops at once when aborted, and the judge stays usable", async () => {
    const judge = await loadJudge();
    engine.judge.mockImplementationOnce((_kind, _task, _options, _onToken, control) => untilAborted(control));
    const aborting = new AbortController();
    const onToken = vi.fn();
    const call = judge.score(TASK, { signal: aborting.signal, onToken });
    setTimeout(() => {
      aborting.abort("enough");
    }, 5);
    await expect(call).rejects.toMatchObject({ code: "aborted", cause: "enough" });
    expect((await judge.score(TASK)).score).toBe(3);
  });

  it("does not wait for an engine that is slow to notice the abort", async () => {
    const judge = await loadJudge();
    engine.judge.mockImplementationOnce(() => new Promise(() => undefined));
    await expect(judge.score(TASK, { signal: AbortSignal.timeout(5) })).rejects.toMatchObject({ code: "aborted" });
    await judge.dispose();
  });

  it("rejects a wrong task without troubling the engine", async () => {
    const judge = await loadJudge();
    await expect(judge.score({ ...TASK, response: "\ud800" })).rejects.toBeInstanceOf(LunetteError);
    expect(engine.judge).not.toHaveBeenCalled();
  });

  it("survives a callback that throws, which surfaces as an uncaught error", async () => {
    const uncaught = vi.fn();
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException").on("uncaughtException", uncaught);
    try {
      const judge = await loadJudge();
      const fault = new Error("mine");
      expect(
        (
          await judge.score(TASK, {
            onToken: () => {
              throw fault;
            },
          })
        ).score,
      ).toBe(3);
      expect(uncaught).toHaveBeenCalledWith(fault, expect.anything());
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});

describe("the judge's other tasks", () => {
  const { rubric: scale, ...subject } = TASK;
  const labels = { objective: "?", labels: { Yes: "y", No: "n" } };
  const pair = { input: "q", responseA: "a", responseB: "b", criteria: "?" };

  it("compare as the reference of their model says, unless the call does", async () => {
    vi.stubGlobal("fetch", () => Promise.resolve(new Response("GGUF")));
    const judge = await Judge.load({ url: "https://models.example/m.gguf", method: "pointwise" }, { worker: false });
    vi.unstubAllGlobals();
    await judge.compare(pair);
    await judge.compare(pair, { method: "pairwise" });
    await judge.rank({ input: "q", responses: ["a", "b"], criteria: "?" });
    await judge.score(TASK);
    const asked = engine.judge.mock.calls.map(([kind, , options]) => [kind, options]);
    expect(asked).toEqual([
      ["compare", { method: "pointwise" }],
      ["compare", { method: "pairwise" }],
      ["rank", { method: "pointwise" }],
      ["score", {}],
    ]);
  });

  it("reach the engine under their own names", async () => {
    const judge = await loadJudge();
    const options = { critique: false, template: "rubric-first", samples: 2, truncate: "context" as const };
    await judge.scoreMany({ ...subject, rubrics: [scale, scale] }, options);
    await judge.classify({ ...subject, rubric: labels }, { ...options, rubricOrders: 2 });
    await judge.classifyMany({ ...subject, rubrics: [labels] });
    await judge.compare(pair, { ...options, bothOrders: false, ties: true });
    await judge.compare(pair, { method: "pointwise" });
    await judge.rank({ ...pair, responses: ["a", "b"], schedule: "swiss" } as never, { ties: true });
    expect(engine.judge.mock.calls.map((call) => call.slice(0, 3))).toEqual([
      ["scoreMany", { ...subject, rubrics: [scale, scale] }, options],
      ["classify", { ...subject, rubric: labels }, { ...options, rubricOrders: 2 }],
      ["classifyMany", { ...subject, rubrics: [labels] }, {}],
      ["compare", pair, { ...options, bothOrders: false, ties: true }],
      ["compare", pair, { method: "pointwise" }],
      ["rank", { input: "q", responses: ["a", "b"], criteria: "?", schedule: "swiss" }, { ties: true }],
    ]);
  });

  it("number the texts that they stream", async () => {
    const judge = await loadJudge();
    const onToken = vi.fn();
    await judge.scoreMany({ ...subject, rubrics: [scale, scale] }, { onToken });
    expect(onToken.mock.calls).toEqual([
      ["Fair", { part: "critique", index: 0 }],
      [" enough.", { part: "critique", index: 1 }],
    ]);
  });

  it.each([
    [
      "a rubric without labels",
      (judge: Judge) => judge.classify({ ...subject, rubric: { ...labels, labels: {} } }),
      "task.rubric.labels",
    ],
    [
      "a rubric that is no list",
      (judge: Judge) => judge.scoreMany({ ...subject, rubrics: scale as never }),
      "task.rubrics",
    ],
    ["no criteria", (judge: Judge) => judge.compare({ ...pair, criteria: undefined as never }), "task.criteria"],
    ["an option of another task", (judge: Judge) => judge.score(TASK, { ties: true } as never), "options.ties"],
    [
      "a template with a misspelt field",
      (judge: Judge) => judge.score(TASK, { template: { user: "" } as never }),
      "options.template.user",
    ],
  ])("name what is wrong: %s", async (_, call, named) => {
    await expect(call(await loadJudge())).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining(named) as string,
    });
  });
});

describe("the reward model", () => {
  const task = { input: "q", response: "abc" };
  const many = { input: "q", responses: ["abc", "d"] };

  it("gets tasks and goals in a form that can be posted", async () => {
    const judge = await loadJudge();
    const goal = await judge.goalFrom([task, task]);
    expect(goal).toEqual(Float32Array.of(2, 1));
    const { reward } = await judge.reward({ ...task, id: 7 } as never, { goal, threshold: 0.1, ignore: 0 });
    expect(reward).toBe(3);
    expect((await judge.rerank(many, { goal: { kind: 1, long: -0.5 } })).rewards).toHaveLength(2);
    await judge.filter(many, { goal: "kind" });
    expect(engine.reward.mock.calls.map((call) => call.slice(0, 3))).toEqual([
      ["reward", task, { goal: [2, 1], threshold: 0.1, ignore: 0 }],
      ["rerank", many, { goal: { kind: 1, long: -0.5 } }],
      ["filter", many, { goal: "kind" }],
    ]);
  });

  it.each([
    ["no response", (judge: Judge) => judge.reward({ input: "q" } as never), "task.response"],
    ["one response", (judge: Judge) => judge.rerank({ input: "q", responses: "abc" } as never), "task.responses"],
    ["an example that is a text", (judge: Judge) => judge.goalFrom(["abc"] as never), "examples[0]"],
    ["a weight that is none", (judge: Judge) => judge.reward(task, { goal: { kind: NaN } }), 'options.goal["kind"]'],
    ["a list of texts", (judge: Judge) => judge.reward(task, { goal: ["1"] as never }), "options.goal[0]"],
    [
      "a misspelt part of a guide",
      (judge: Judge) => judge.engine.generate("Hi", { guide: { steps: 3 } as never }),
      "options.guide.steps",
    ],
    ["a rubric's option", (judge: Judge) => judge.reward(task, { critique: false } as never), "options.critique"],
  ])("names what is wrong: %s", async (_, call, named) => {
    await expect(call(await loadJudge())).rejects.toMatchObject({
      code: "invalid-argument",
      message: expect.stringContaining(named) as string,
    });
  });
});

describe("Engine", () => {
  it("tokenizes, detokenizes, and reads logits and log-probabilities", async () => {
    const { engine: loaded } = await loadJudge();
    expect(await loaded.tokenize("four")).toEqual(Uint32Array.of(4, 0));
    expect(await loaded.tokenize("four", { special: true })).toEqual(Uint32Array.of(4, 1));
    expect(await loaded.detokenize(Uint32Array.of(5, 6))).toBe("5 6");
    expect(await loaded.chatPrompt([{ role: "user", content: "Hello." }])).toEqual({
      text: "Hello.",
      tokens: Uint32Array.of(1, 2, 3),
      special: Uint32Array.of(0),
    });
    expect(await loaded.logits(Uint32Array.of(5, 6))).toEqual(Float32Array.of(5, 6));
    expect(await loaded.logprobs(Uint32Array.of(5, 6))).toEqual(Float32Array.of(6));
    expect(await loaded.states(Uint32Array.of(5, 6))).toEqual(Float32Array.of(0, 5, 1, 6));
    expect(await loaded.states(Uint32Array.of(5, 6), { at: [1] })).toEqual(Float32Array.of(1, 6));
    for (const at of [[-1], [0.5], 1, ["0"]] as number[][]) {
      await expect(loaded.states(Uint32Array.of(5, 6), { at })).rejects.toMatchObject({ code: "invalid-argument" });
    }
  });

  it("generates, and moves the arrays of the result", async () => {
    const loaded = await Engine.load(model, { worker: false });
    const { usage, timing } = verdict(1, null);
    const tokens = Uint32Array.of(1, 2);
    const topLogprobs = [[{ token: 1, logprob: -0.5 }], [{ token: 2, logprob: -0.25 }]];
    const generation = { text: "hi", tokens, topLogprobs, finishReason: "stop" as const, usage, timing };
    engine.generate.mockResolvedValueOnce(generation);
    const options = { maxTokens: 2, stop: ["\n"], constraint: { jsonSchema: { type: "string" } } };
    const result = await loaded.generate([{ role: "user", content: "hello" }], options);
    expect(result).toEqual({ ...generation, tokens: Uint32Array.of(1, 2) });
    expect(tokens.length).toBe(0);
    expect(engine.generate.mock.calls[0]?.slice(1, 3)).toEqual([options, undefined]);
    engine.generate.mockResolvedValueOnce({ ...generation, tokens: Uint32Array.of(3) });
    await loaded.generate("hello", { temperature: 1, guide: { goal: Float32Array.of(1, 2), stepTokens: 8 } });
    expect(engine.generate.mock.calls[1]?.slice(1, 3)).toEqual([{ temperature: 1 }, { goal: [1, 2], stepTokens: 8 }]);
  });

  it("does not move a view of the engine's own memory", async () => {
    const loaded = await Engine.load(model, { worker: false });
    const memory = new Float32Array(8);
    engine.logits.mockResolvedValueOnce(memory.subarray(2, 4));
    expect(await loaded.logits(Uint32Array.of(1))).toHaveLength(2);
    expect(memory.length).toBe(8);
  });

  it("rejects with the code and message that Rust gave", async () => {
    const loaded = await Engine.load(model, { worker: false });
    await expect(loaded.generate("hello")).rejects.toMatchObject({ code: "chat-template", message: "no template" });
  });

  it("is dead after a trap, and says so", async () => {
    const loaded = await Engine.load(model, { worker: false });
    engine.logits.mockRejectedValueOnce(new WebAssembly.RuntimeError("unreachable"));
    const other = loaded.generate("never ends").catch((error: unknown) => error);
    engine.generate.mockImplementationOnce(() => new Promise(() => undefined));
    await expect(loaded.logits(Uint32Array.of(1))).rejects.toMatchObject({
      code: "internal",
      cause: { name: "RuntimeError" },
    });
    expect(await other).toMatchObject({ code: "internal" });
    await expect(loaded.tokenize("a")).rejects.toMatchObject({
      code: "internal",
      message: expect.stringContaining("load the model again") as string,
    });
    await loaded.dispose();
    expect(engine.free).not.toHaveBeenCalled();
  });

  it("frees the model when disposed of, once, after its calls have ended", async () => {
    const loaded = await Engine.load(model, { worker: false });
    let ended = false;
    engine.logits.mockImplementationOnce(async (_tokens, ...[control]: unknown[]) => {
      await untilAborted(control as Parameters<typeof untilAborted>[0]).finally(() => {
        ended = true;
      });
      return new Float32Array();
    });
    engine.free.mockImplementation(() => {
      expect(ended).toBe(true);
    });
    const call = loaded.logits(Uint32Array.of(1));
    const disposing = [loaded.dispose(), loaded.dispose()];
    await expect(call).rejects.toMatchObject({ code: "disposed" });
    await Promise.all(disposing);
    expect(engine.free).toHaveBeenCalledOnce();
    await expect(loaded.tokenize("a")).rejects.toMatchObject({ code: "disposed" });
  });
});

/** A message channel that does not clone, so that a stubbed Blob stays as it is. */
function pipe() {
  const ends = [new EventTarget(), new EventTarget()] as const;
  const port = (own: EventTarget, other: EventTarget) =>
    Object.assign(own, {
      postMessage: (data: unknown) => {
        queueMicrotask(() => other.dispatchEvent(new MessageEvent("message", { data })));
      },
      start: () => undefined,
      close: () => undefined,
    });
  return { port1: port(ends[0], ends[1]), port2: port(ends[1], ends[0]) };
}
