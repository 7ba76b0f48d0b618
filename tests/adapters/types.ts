// Compares the adapters' types with those of the real packages. The compiler checks it; it never runs.
import type { LanguageModelV3, LanguageModelV3GenerateResult, LanguageModelV3StreamPart } from "@ai-sdk/provider";
import { generateText } from "ai";
import type { Scorer } from "autoevals";
import type { Judge } from "lunette";
import { createLanguageModel } from "lunette/ai-sdk";
import { createBattle, createScorer } from "lunette/autoevals";
import type { GradeRubric } from "lunette/autoevals";
import { createOpenAI } from "lunette/openai";
import type * as lunette from "lunette/openai";
import { createJudgeEvaluator } from "lunette/openevals";
import type { JudgeState, UseJudge } from "lunette/react";
import { useJudge, useVerdict } from "lunette/react";
import type OpenAI from "openai";
import { createLLMAsJudge } from "openevals";
import type { EvaluatorResult, SimpleEvaluator } from "openevals";

/** Fails to compile unless `A` can be used as `B`. */
type Extends<A extends B, B> = A;

declare const judge: Judge;
declare const rubric: GradeRubric;

export type Checks = [
  Extends<ReturnType<typeof createLanguageModel>, LanguageModelV3>,
  Extends<Awaited<ReturnType<ReturnType<typeof createLanguageModel>["doGenerate"]>>, LanguageModelV3GenerateResult>,
  Extends<
    Awaited<ReturnType<ReturnType<typeof createLanguageModel>["doStream"]>>["stream"],
    ReadableStream<LanguageModelV3StreamPart>
  >,
  Extends<
    lunette.ChatCompletion,
    Pick<OpenAI.ChatCompletion, "id" | "object" | "created" | "model" | "choices" | "usage">
  >,
  Extends<lunette.ChatCompletionChunk, OpenAI.ChatCompletionChunk>,
  Extends<OpenAI.ChatCompletionSystemMessageParam, lunette.ChatCompletionMessageParam>,
  Extends<ReturnType<typeof createScorer>, Scorer<string, { input: string }>>,
  Extends<ReturnType<typeof createBattle>, Scorer<string, { instructions: string }>>,
  Extends<Awaited<ReturnType<ReturnType<typeof createJudgeEvaluator>>>, EvaluatorResult>,
  Extends<ReturnType<typeof createJudgeEvaluator>, SimpleEvaluator>,
  Extends<UseJudge, JudgeState>,
];

export const used = [
  () => generateText({ model: createLanguageModel(judge.engine), prompt: "" }),
  () => createLLMAsJudge({ prompt: "", judge: createOpenAI(judge), model: "lunette" }),
  async () => {
    const { completions } = createOpenAI(judge).chat;
    const messages = [{ role: "user", content: "" }] as const;
    const whole: lunette.ChatCompletion = await completions.create({ messages });
    const stream: lunette.ChatCompletionStream = await completions.create({ messages, stream: true });
    // @ts-expect-error: no such parameter.
    await completions.create({ messages, logit_bias: {} });
    // @ts-expect-error: no model here sees.
    await completions.create({ messages: [{ role: "user", content: [{ type: "image_url" }] }] });
    return [whole, stream];
  },
  () => createJudgeEvaluator(judge, rubric),
  () => {
    const loaded = useJudge("model.gguf", { backend: "wasm" });
    const verdict = useVerdict(loaded.judge, "classify");
    const label: string | undefined = verdict.verdict?.label;
    const score: number | undefined = useVerdict(loaded.judge).verdict?.score;
    if (loaded.state === "ready") void loaded.judge.info;
    // @ts-expect-error: there is no judge while it loads.
    if (loaded.state === "loading") void loaded.judge.info;
    // @ts-expect-error: the hook itself listens to progress.
    useJudge("model.gguf", { onProgress: () => undefined });
    return [label, score];
  },
];
