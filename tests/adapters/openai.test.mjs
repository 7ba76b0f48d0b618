// `lunette/openai`: the behaviour of OpenAI's client, with the model's own numbers.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LunetteError } from "lunette";
import { createOpenAI, LunetteApiError } from "lunette/openai";
import { minutes, near, refused } from "./common.mjs";
import { judge, works } from "./session.mjs";

const { completions } = createOpenAI(judge).chat;
const messages = [{ role: "user", content: "Name a colour." }];
const SCHEMA = {
  type: "object",
  properties: { colour: { enum: ["red", "blue"] }, sure: { type: "boolean" } },
  required: ["colour", "sure"],
  additionalProperties: false,
};

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

const text = (chunks, index = 0) =>
  chunks
    .flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
    .map(({ delta }) => delta.content ?? "")
    .join("");

describe("openai", () => {
  test("answers as the engine does", minutes(2), async () => {
    const made = await completions.create({ model: "any", messages, max_tokens: 8 });
    const direct = await judge.engine.generate(messages, { maxTokens: 8 });
    assert.equal(made.object, "chat.completion");
    assert.equal(made.model, judge.info.name);
    near(made.created, Date.now() / 1000, 60, "created");
    assert.deepEqual(made.choices, [
      {
        index: 0,
        message: { role: "assistant", content: direct.text, refusal: null },
        logprobs: null,
        finish_reason: direct.finishReason,
      },
    ]);
    const { prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details } = made.usage;
    assert.equal(prompt_tokens, direct.usage.promptTokens);
    assert.equal(completion_tokens, direct.usage.completionTokens);
    assert.equal(total_tokens, prompt_tokens + completion_tokens);
    assert.ok(prompt_tokens_details.cached_tokens <= prompt_tokens);
  });

  test("an engine will do, and the client's own limit holds where the call names none", minutes(2), async () => {
    const { chat } = createOpenAI(judge.engine, { maxTokens: 2 });
    const { usage, choices } = await chat.completions.create({ messages });
    assert.equal(usage.completion_tokens, 2);
    assert.equal(choices[0].finish_reason, "length");
  });

  test("streams what it would have answered", minutes(2), async () => {
    const params = { messages, max_completion_tokens: 8, logprobs: true };
    const whole = await completions.create(params);
    const stream = await completions.create({ ...params, stream: true, stream_options: { include_usage: true } });
    const chunks = await collect(stream);
    assert.equal(text(chunks), whole.choices[0].message.content);
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.ok(chunks.length > 5, "it comes in pieces");
    const end = chunks.at(-2).choices[0];
    assert.equal(end.finish_reason, whole.choices[0].finish_reason);
    assert.deepEqual(end.logprobs, whole.choices[0].logprobs);
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.completion_tokens, whole.usage.completion_tokens);
    assert.ok(chunks.slice(0, -1).every(({ usage, id }) => usage === null && id === chunks[0].id));
    const plain = await collect(await completions.create({ messages, max_tokens: 1, stream: true }));
    assert.ok(plain.every((chunk) => !("usage" in chunk)));
  });

  test("log-probabilities are the model's, before temperature", minutes(2), async () => {
    const params = { messages, max_tokens: 6, logprobs: true, top_logprobs: 3, temperature: 5, seed: 3 };
    const { choices } = await completions.create(params);
    const { content } = choices[0].logprobs;
    assert.equal(content.map(({ token }) => token).join(""), choices[0].message.content);
    const answer = await judge.engine.generate(messages, { maxTokens: 6, temperature: 5, seed: 3, logprobs: true });
    for (const [i, { token, logprob, bytes, top_logprobs }] of content.entries()) {
      near(logprob, answer.logprobs[i], 1e-3, `the log-probability of ${token}`);
      if (bytes !== null) assert.equal(new TextDecoder().decode(Uint8Array.from(bytes)), token);
      assert.equal(top_logprobs.length, 3);
      assert.ok(top_logprobs[0].logprob >= top_logprobs[1].logprob && top_logprobs[0].logprob >= logprob - 1e-3);
    }
  });

  test("log-probabilities leave out what ended the answer", minutes(2), async () => {
    const whole = await completions.create({ messages, max_tokens: 12 });
    const words = whole.choices[0].message.content.split(" ");
    const stop = words.at(-2);
    const { choices } = await completions.create({ messages, max_tokens: 12, stop, logprobs: true });
    assert.equal(choices[0].finish_reason, "stop");
    const { content } = choices[0].message;
    assert.equal(content, whole.choices[0].message.content.split(stop)[0]);
    const pieces = choices[0].logprobs.content.map(({ token }) => token);
    assert.ok(pieces.join("").startsWith(content) && pieces.slice(0, -1).join("").length < content.length, pieces);
    // One character of several tokens, none of which is valid text alone.
    const form = { type: "regex", regex: "😀" };
    const smile = await completions.create({ messages, max_tokens: 8, response_format: form, logprobs: true });
    assert.equal(smile.choices[0].message.content, "😀");
    const split = smile.choices[0].logprobs.content;
    assert.ok(split.length > 1 && split.every(({ bytes }) => bytes === null), JSON.stringify(split));
  });

  test("sampling repeats with its seed, and n answers differ", minutes(2), async () => {
    const params = { messages, max_tokens: 6, temperature: 1.5, top_p: 0.95, n: 3 };
    const [first, again, other] = await Promise.all([1, 1, 9].map((seed) => completions.create({ ...params, seed })));
    const said = ({ choices }) => choices.map(({ message }) => message.content);
    assert.deepEqual(
      first.choices.map(({ index }) => index),
      [0, 1, 2],
    );
    assert.deepEqual(said(first), said(again));
    assert.notDeepEqual(said(first), said(other));
    assert.ok(new Set(said(first)).size > 1, said(first));
    const chunks = await collect(await completions.create({ ...params, seed: 1, stream: true }));
    assert.deepEqual(
      [0, 1, 2].map((index) => text(chunks, index)),
      said(first),
    );
  });

  test("an answer has the form that was asked for", minutes(3), async () => {
    const create = async (response_format) => {
      const { choices } = await completions.create({ messages, max_tokens: 40, response_format });
      assert.equal(choices[0].finish_reason, "stop", choices[0].message.content);
      return choices[0].message.content;
    };
    const json_schema = { name: "answer", strict: true, schema: SCHEMA };
    const { colour, sure } = JSON.parse(await create({ type: "json_schema", json_schema }));
    assert.ok(["red", "blue"].includes(colour) && typeof sure === "boolean");
    assert.match(await create({ type: "regex", regex: "(red|blue) [0-9]" }), /^(red|blue) \d$/);
    assert.match(await create({ type: "grammar", grammar: 'start: "a" /[bc]/' }), /^a[bc]$/);
    const [free, text] = await Promise.all(
      [undefined, { type: "text" }].map((response_format) =>
        completions.create({ messages, max_tokens: 4, response_format }),
      ),
    );
    assert.equal(text.choices[0].message.content, free.choices[0].message.content);
  });

  test("the model is told of a schema, unless the prompt does so", minutes(2), async () => {
    const params = {
      messages,
      max_tokens: 1,
      response_format: { type: "json_schema", json_schema: { name: "a", schema: SCHEMA } },
    };
    const plain = await completions.create({ messages, max_tokens: 1 });
    const told = await completions.create(params);
    const untold = await createOpenAI(judge, { schemaInPrompt: false }).chat.completions.create(params);
    const words = await judge.engine.tokenize(JSON.stringify(SCHEMA));
    assert.ok(told.usage.prompt_tokens >= plain.usage.prompt_tokens + words.length - 2);
    assert.equal(untold.usage.prompt_tokens, plain.usage.prompt_tokens);
  });

  test("calls a function that it must call", minutes(3), async () => {
    const paint = { type: "function", function: { name: "paint", description: "Paints.", parameters: SCHEMA } };
    const params = {
      messages,
      max_tokens: 40,
      tools: [paint],
      tool_choice: { type: "function", function: { name: "paint" } },
    };
    const { choices } = await completions.create(params);
    assert.equal(choices[0].finish_reason, "tool_calls");
    assert.equal(choices[0].message.content, null);
    const [call] = choices[0].message.tool_calls;
    assert.equal(call.function.name, "paint");
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["colour", "sure"]);
    const chunks = await collect(await completions.create({ ...params, stream: true }));
    const deltas = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []));
    assert.equal(deltas[0].function.name, "paint");
    assert.equal(deltas.map((delta) => delta.function.arguments).join(""), call.function.arguments);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  });

  test("calls one of several functions, whose schemas keep their references", minutes(3), async () => {
    const sized = {
      type: "object",
      properties: { size: { $ref: "#/$defs/size" } },
      required: ["size"],
      additionalProperties: false,
    };
    const tools = [
      { type: "function", function: { name: "paint", parameters: SCHEMA } },
      { type: "function", function: { name: "grow", parameters: { ...sized, $defs: { size: { enum: [1, 2] } } } } },
    ];
    const ask = { messages, tools, tool_choice: "required" };
    const { choices } = await completions.create({ ...ask, max_tokens: 60 });
    const { name, arguments: given } = choices[0].message.tool_calls[0].function;
    const check = {
      paint: ({ colour }) => ["red", "blue"].includes(colour),
      grow: ({ size }) => size === 1 || size === 2,
    };
    assert.ok(check[name](JSON.parse(given)), given);
    const chunks = await collect(await completions.create({ ...ask, max_tokens: 60, stream: true }));
    const deltas = chunks.flatMap(({ choices }) => choices.flatMap(({ delta }) => delta.tool_calls ?? []));
    assert.equal(deltas[0].function.arguments, given);
    const cut = await completions.create({ ...ask, max_tokens: 2 });
    assert.equal(cut.choices[0].finish_reason, "length");
    assert.deepEqual(cut.choices[0].message.tool_calls, []);
  });

  test("parts of text are one text, and developer is system", minutes(2), async () => {
    const parts = [
      { type: "text", text: "Name " },
      { type: "text", text: "a colour." },
    ];
    const joined = await completions.create({ messages: [{ role: "user", content: parts }], max_tokens: 4 });
    const whole = await completions.create({ messages, max_tokens: 4 });
    assert.equal(joined.choices[0].message.content, whole.choices[0].message.content);
    const [system, developer] = await Promise.all(
      ["system", "developer"].map((role) =>
        completions.create({ messages: [{ role, content: "Be brief." }, ...messages], max_tokens: 4 }),
      ),
    );
    assert.equal(system.choices[0].message.content, developer.choices[0].message.content);
  });

  test("what cannot be met is refused by its name", minutes(2), async () => {
    const image = { role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] };
    const tools = [{ type: "function", function: { name: "f" } }];
    const table = [
      [{ messages, logit_bias: { 1: 1 } }, /params\.logit_bias is not supported/, "logit_bias"],
      [{ messages, user: "me" }, /params\.user/, "user"],
      [
        { messages, frequency_penalty: 0.5 },
        /params\.frequency_penalty is not supported, other than as 0/,
        "frequency_penalty",
      ],
      [
        { messages: [image] },
        /params\.messages\[0\]\.content\[0\]\.type must be "text"/,
        "messages[0].content[0].type",
      ],
      [{ messages: [{ role: "tool", content: "x", tool_call_id: "1" }] }, /params\.messages\[0\]/],
      [{ messages: [{ role: "user", content: "x", name: "me" }] }, /params\.messages\[0\]\.name/, "messages[0].name"],
      [{}, /params\.messages must be an array/, "messages"],
      [{ messages, top_logprobs: 2 }, /needs params\.logprobs/, "top_logprobs"],
      [{ messages, top_logprobs: 21, logprobs: true }, /20/],
      [{ messages, n: 2 }, /params\.n above 1 needs a params\.temperature/, "n"],
      [{ messages, n: 17, temperature: 1 }, /from 1 to 16/, "n"],
      [{ messages, max_tokens: 1, max_completion_tokens: 1 }, /mean the same/, "max_tokens"],
      [{ messages, tools }, /params\.tool_choice must be/, "tool_choice"],
      [
        { messages, tools, tool_choice: { type: "function", function: { name: "g" } } },
        /none of the tools/,
        "tool_choice",
      ],
      [{ messages, tool_choice: "required" }, /there are no tools/, "tool_choice"],
      [{ messages, response_format: { type: "xml" } }, /params\.response_format\.type/, "response_format.type"],
      [{ messages, response_format: { type: "regex", regex: "(" } }, /regex/],
      [{ messages, response_format: { type: "json_schema", json_schema: { name: "a" } } }, /json_schema\.schema/],
      [{ messages, temperature: "hot" }, /params\.temperature/, "temperature"],
      [{ messages, seed: -1 }, /params\.seed/, "seed"],
    ];
    for (const [params, pattern, param] of table) {
      const error = await refused(() => completions.create(params), "invalid-argument", pattern);
      assert.ok(error instanceof LunetteApiError && error instanceof LunetteError);
      assert.equal(error.status, 400);
      assert.equal(error.type, "invalid_request_error");
      if (param) assert.equal(error.param, param);
    }
    await refused(() => completions.create({ messages }, { timeout: 1 }), "invalid-argument", /options\.timeout/);
    await refused(async () => createOpenAI({}), "invalid-argument", /a Judge or an Engine/);
    await refused(async () => createOpenAI(judge, { maxToken: 1 }), "invalid-argument", /options\.maxToken is not/);
    await works();
  });

  test("nulls and values that change nothing are as good as nothing", minutes(2), async () => {
    const nulls = { temperature: null, stop: null, seed: null, logprobs: null, n: null, stream: null };
    const params = { ...nulls, presence_penalty: 0, tools: [], tool_choice: "none", parallel_tool_calls: false };
    const made = await completions.create({ ...params, messages, max_tokens: 2 });
    assert.equal(made.choices.length, 1);
  });

  test("stops on its signal, when the loop is left, and on its controller", minutes(2), async () => {
    const long = { messages: [{ role: "user", content: "Write a long story." }], max_tokens: 2000 };
    const begun = performance.now();
    const error = await refused(
      () => completions.create(long, { signal: AbortSignal.timeout(300) }),
      "aborted",
      /aborted/,
    );
    assert.equal(error.name, "AbortError");
    const left = await completions.create({ ...long, stream: true });
    for await (const chunk of left) if (chunk.choices[0].delta.content) break;
    const stopped = await completions.create({ ...long, stream: true });
    const reading = refused(() => collect(stopped), "aborted", /aborted/);
    stopped.controller.abort();
    await reading;
    const signal = AbortSignal.abort();
    await refused(() => completions.create(long, { signal }), "aborted", /aborted/);
    await refused(async () => collect(await completions.create({ ...long, stream: true }, { signal })), "aborted", /./);
    await works();
    assert.ok(performance.now() - begun < 60_000, "nothing runs on behind");
  });

  test("what the engine finds wrong keeps its code", minutes(2), async () => {
    const content = "word ".repeat(judge.info.contextLength + 1);
    const overlong = { messages: [{ role: "user", content }], max_tokens: 1 };
    const error = await refused(() => completions.create(overlong), "context-overflow", /./);
    assert.equal(error.status, 400);
    await refused(
      async () => collect(await completions.create({ ...overlong, stream: true })),
      "context-overflow",
      /./,
    );
  });
});
