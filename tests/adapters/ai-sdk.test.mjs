// `lunette/ai-sdk` with the real AI SDK.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { generateObject, generateText, Output, stepCountIs, streamObject, streamText, tool } from "ai";
import { createLanguageModel } from "lunette/ai-sdk";
import { z } from "zod";
import { minutes, refused } from "./common.mjs";
import { judge, works } from "./session.mjs";

const model = createLanguageModel(judge);
const prompt = "Name a colour.";
const messages = [{ role: "user", content: prompt }];
const schema = z.object({ colour: z.enum(["red", "blue"]), sure: z.boolean() });

describe("ai-sdk", () => {
  test("generateText: the engine's answer, its tokens and its end", minutes(2), async () => {
    const { text, finishReason, usage, warnings, response, providerMetadata } = await generateText({
      model,
      prompt,
      maxOutputTokens: 8,
    });
    const direct = await judge.engine.generate(messages, { maxTokens: 8 });
    assert.equal(text, direct.text);
    assert.equal(finishReason, direct.finishReason);
    assert.equal(usage.inputTokens, direct.usage.promptTokens);
    assert.equal(usage.outputTokens, direct.usage.completionTokens);
    assert.deepEqual(warnings, []);
    assert.equal(response.modelId, judge.info.name);
    assert.ok(providerMetadata.lunette.timing.totalMs > 0);
  });

  test("generateText: system message, sampling, stops, log-probabilities and warnings", minutes(2), async () => {
    const ask = {
      model,
      system: "Be brief.",
      prompt,
      maxOutputTokens: 8,
      temperature: 1.2,
      topP: 0.9,
      topK: 20,
      seed: 4,
      stopSequences: [" a"],
      presencePenalty: 0.5,
      providerOptions: { lunette: { minP: 0.01, logprobs: true } },
    };
    const { text, warnings, providerMetadata } = await generateText(ask);
    const direct = await judge.engine.generate([{ role: "system", content: "Be brief." }, ...messages], {
      maxTokens: 8,
      temperature: 1.2,
      topP: 0.9,
      topK: 20,
      minP: 0.01,
      seed: 4,
      stop: [" a"],
    });
    assert.equal(text, direct.text);
    assert.deepEqual(
      warnings.map(({ type, feature }) => [type, feature]),
      [["unsupported", "presencePenalty"]],
    );
    assert.equal(providerMetadata.lunette.logprobs.length, direct.tokens.length);
  });

  test("streamText: the same text, in pieces", minutes(2), async () => {
    const result = streamText({ model, prompt, maxOutputTokens: 8 });
    const pieces = [];
    for await (const piece of result.textStream) pieces.push(piece);
    const direct = await judge.engine.generate(messages, { maxTokens: 8 });
    assert.equal(pieces.join(""), direct.text);
    assert.ok(pieces.length > 4);
    assert.equal(await result.finishReason, direct.finishReason);
    assert.equal((await result.usage).outputTokens, direct.usage.completionTokens);
  });

  test("structured output, whole and streamed", minutes(3), async () => {
    const check = ({ colour, sure }) => ["red", "blue"].includes(colour) && typeof sure === "boolean";
    const made = await generateText({ model, prompt, maxOutputTokens: 40, output: Output.object({ schema }) });
    assert.ok(check(made.output), JSON.stringify(made.output));
    assert.ok(check((await generateObject({ model, prompt, maxOutputTokens: 40, schema })).object));
    const streamed = streamObject({ model, prompt, maxOutputTokens: 40, schema });
    const partial = [];
    for await (const object of streamed.partialObjectStream) partial.push(object);
    assert.ok(partial.length > 1 && check(await streamed.object));
    const choice = { model, prompt, maxOutputTokens: 20, output: Output.choice({ options: ["red", "blue"] }) };
    assert.ok(["red", "blue"].includes((await generateText(choice)).output));
  });

  test("a constraint of one's own", minutes(2), async () => {
    const constraint = { regex: "(red|blue)[.]" };
    const { text } = await generateText({
      model,
      prompt,
      maxOutputTokens: 8,
      providerOptions: { lunette: { constraint } },
    });
    assert.match(text, /^(red|blue)\.$/);
  });

  test("a tool that must be called is run with its input", minutes(3), async () => {
    const painted = [];
    const paint = tool({
      description: "Paints.",
      inputSchema: schema,
      execute: (input) => {
        painted.push(input);
        return "done";
      },
    });
    const ask = { model, prompt, maxOutputTokens: 40, tools: { paint }, stopWhen: stepCountIs(1) };
    const { finishReason, toolCalls } = await generateText({ ...ask, toolChoice: "required" });
    assert.equal(finishReason, "tool-calls");
    assert.deepEqual(painted, [toolCalls[0].input]);
    const streamed = streamText({ ...ask, toolChoice: { type: "tool", toolName: "paint" } });
    await streamed.consumeStream();
    assert.equal((await streamed.toolCalls)[0].toolName, "paint");
    assert.equal(painted.length, 2);
    await refused(() => generateText(ask), "invalid-argument", /toolChoice must be/);
  });

  test("what cannot be read is refused by its name", minutes(1), async () => {
    const image = [{ role: "user", content: [{ type: "image", image: new Uint8Array([137, 80, 78, 71]) }] }];
    await refused(
      () => generateText({ model, messages: image }),
      "invalid-argument",
      /prompt\[0\]\.content\[0\] is of type file/,
    );
    const own = (lunette) => () => generateText({ model, prompt, providerOptions: { lunette } });
    await refused(own({ topA: 1 }), "invalid-argument", /providerOptions\.lunette\.topA is not supported/);
    await refused(own({ constraint: { xml: "" } }), "invalid-argument", /providerOptions\.lunette\.constraint/);
    const twice = { output: Output.object({ schema }), providerOptions: { lunette: { constraint: { regex: "a" } } } };
    await refused(() => generateText({ model, prompt, ...twice }), "invalid-argument", /can be only one/);
    await refused(
      async () => createLanguageModel(judge, { temperature: 1 }),
      "invalid-argument",
      /options\.temperature/,
    );
    const overlong = "word ".repeat(judge.info.contextLength + 1);
    await refused(() => generateText({ model, prompt: overlong }), "context-overflow", /./);
    const errors = [];
    const streamed = streamText({ model, prompt: overlong, onError: ({ error }) => void errors.push(error) });
    await streamed.consumeStream();
    assert.equal(errors[0].code, "context-overflow");
  });

  test("stops on its signal and when nobody reads", minutes(2), async () => {
    const long = { model, prompt: "Write a long story.", maxOutputTokens: 2000 };
    const error = await refused(
      () => generateText({ ...long, abortSignal: AbortSignal.timeout(300) }),
      "aborted",
      /aborted/,
    );
    assert.equal(error.name, "AbortError", "so that the SDK does not try again");
    const aborting = new AbortController();
    const types = [];
    for await (const part of streamText({ ...long, abortSignal: aborting.signal }).fullStream) {
      types.push(part.type);
      if (part.type === "text-delta") aborting.abort();
    }
    assert.ok(types.includes("abort") && !types.includes("error"), types.join());
    const { stream } = await model.doStream({
      prompt: [{ role: "user", content: [{ type: "text", text: long.prompt }] }],
    });
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel();
    await works();
  });
});
