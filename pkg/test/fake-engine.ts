import { createHash } from "node:crypto";
import { vi } from "vitest";
import type { ChatMessage, ModelInfo, RewardVerdict, ScoreVerdict } from "../src/types/index.js";
import type { ByteSource, Control, ModelBytes, WasmEngine, WasmModule } from "../src/wire/wasm-contract.js";

export const INFO: ModelInfo = {
  name: "fake",
  architecture: "llama",
  quantization: "Q4_1",
  parameters: 1,
  contextLength: 8,
  vocabularySize: 4,
  hiddenSize: 2,
  loraAdapters: [],
  goals: [],
  warnings: [],
  backend: "wasm",
  adapter: "none",
  capabilities: [],
  gpuBytes: 0,
};

export function codedError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** Runs until it is aborted, like a long call. */
export async function untilAborted(control: Control): Promise<never> {
  while (!control.aborted) await control.pause();
  throw codedError("aborted", "the call was aborted");
}

/** Reads a model to its end, as a load does. */
export async function drainModel(model: ModelBytes): Promise<number> {
  let bytes = 0;
  for (let part = 0; part < model.parts; part += 1) bytes += await drain(await model.open(part));
  return bytes;
}

/** Reads a source to its end. */
export async function drain(source: ByteSource): Promise<number> {
  let bytes = 0;
  for (let chunk = await source.next(); chunk !== null; chunk = await source.next()) bytes += chunk.length;
  return bytes;
}

/** A fake engine. Tests replace the methods that they check. */
export function fakeEngine() {
  return {
    info: vi.fn(() => INFO),
    tokenize: vi.fn((text: string, special: boolean) => Uint32Array.of(text.length, Number(special))),
    detokenize: vi.fn((tokens: Uint32Array) => tokens.join(" ")),
    chatPrompt: vi.fn((messages: ChatMessage[]) => ({
      text: messages.map(({ content }) => content).join("|"),
      tokens: Uint32Array.of(1, 2, 3),
      special: Uint32Array.of(0),
    })),
    states: vi.fn((tokens: Uint32Array, _control: Control, options?: { at?: number[] }) =>
      Promise.resolve(
        Float32Array.from((options?.at ?? [...tokens.keys()]).flatMap((place) => [place, tokens[place] ?? -1])),
      ),
    ),
    logits: vi.fn((tokens: Uint32Array) => Promise.resolve(Float32Array.from(tokens))),
    logprobs: vi.fn((tokens: Uint32Array) => Promise.resolve(Float32Array.from(tokens.subarray(1)))),
    generate: vi.fn<WasmEngine["generate"]>(() => Promise.reject(codedError("chat-template", "no template"))),
    judge: vi.fn<WasmEngine["judge"]>(async (_kind, task, options, onToken, control) => {
      for (const [index, word] of ["Fair", " enough."].entries()) {
        onToken?.(word, index);
        await control.pause();
      }
      const length = "response" in task ? task.response.length : 0;
      const said = verdict(length, options.critique === false ? null : "Fair enough.");
      return "rubrics" in task ? task.rubrics.map(() => said) : said;
    }),
    reward: vi.fn<WasmEngine["reward"]>((_kind, task) => {
      const { responses } = "responses" in task ? task : { responses: [task.response] };
      const rewards = responses.map((response) => rewardOf(response.length));
      const [first] = rewards;
      const order = [...rewards.keys()];
      return Promise.resolve(first !== undefined && "response" in task ? first : { order, rewards });
    }),
    goalFrom: vi.fn<WasmEngine["goalFrom"]>((examples) => Promise.resolve(Float32Array.of(examples.length, 1))),
    free: vi.fn(),
  } satisfies WasmEngine;
}

function rewardOf(reward: number): RewardVerdict {
  return {
    reward,
    end: 1,
    tokens: ["a"],
    q: [1],
    minimum: null,
    fall: null,
    usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 0 },
    timing: { prefillMs: 1, decodeMs: 0, totalMs: 1 },
  };
}

export function verdict(score: number, critique: string | null): ScoreVerdict {
  return {
    score,
    expected: score,
    distribution: { [score]: 1 },
    outside: 0,
    critique,
    usage: { promptTokens: 1, cachedTokens: 0, completionTokens: 0 },
    timing: { prefillMs: 1, decodeMs: 0, totalMs: 1 },
  };
}

/** Node's SHA-256. It cannot be resumed, so a restored hash starts over from the bytes that it has seen. */
export class FakeSha256 {
  #seen: Uint8Array[] = [];

  static restore(state: Uint8Array): FakeSha256 {
    const hash = new FakeSha256();
    hash.update(state);
    return hash;
  }

  update(bytes: Uint8Array): void {
    this.#seen.push(bytes.slice());
  }

  save(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.#seen));
  }

  digest(): string {
    return this.#seen.reduce((hash, bytes) => hash.update(bytes), createHash("sha256")).digest("hex");
  }

  free(): void {
    this.#seen = [];
  }
}

/** A module without statistics, unless a test provides them. */
export function fakeModule(load: WasmModule["WasmEngine"]["load"], statistics: Partial<WasmModule> = {}): WasmModule {
  const missing = () => {
    throw codedError("internal", "not in this test");
  };
  return {
    default: () => Promise.resolve(),
    startThreadsBy: missing,
    joinThreads: missing,
    helpThreads: missing,
    threadFailed: missing,
    WasmEngine: { load },
    WasmSha256: FakeSha256,
    WasmAdapter: { read: missing },
    planLoad: missing,
    parseRubric: missing,
    parseTemplate: missing,
    rankResults: missing,
    fitCalibration: missing,
    applyCalibration: missing,
    combineScores: missing,
    combineClasses: missing,
    combinePreferences: missing,
    checkTerms: missing,
    prepareRow: missing,
    rowWorth: missing,
    WasmRows: { open: missing },
    WasmResults: class {
      add = missing;
      report = missing;
      compared = missing;
      free = missing;
    },
    renderReport: missing,
    ...statistics,
  };
}
