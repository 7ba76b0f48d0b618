import type { Engine } from "../../api/engine.js";
import type { Generation } from "../../types/index.js";
import type { CallForm } from "../form.js";
import type { TokenTexts } from "./logprobs.js";
import type { Request } from "./params.js";
import type {
  ChatCompletion,
  ChatCompletionChunk,
  ChatCompletionMessageToolCall,
  Choice,
  ChunkChoice,
  CompletionUsage,
  Delta,
  FinishReason,
  Logprobs,
} from "./types.js";

/** One request in progress, as a whole or in chunks. */
export class Completion {
  readonly #id: string;
  readonly #created = Math.floor(Date.now() / 1000);

  constructor(
    private readonly engine: Engine,
    private readonly texts: TokenTexts,
    private readonly request: Request,
    number: number,
  ) {
    this.#id = `chatcmpl-${Date.now().toString(36)}-${number}`;
  }

  async whole(signal: AbortSignal | undefined): Promise<ChatCompletion> {
    const generations = await this.#generate(signal, () => undefined);
    const choices = generations.map(async (generation, index): Promise<Choice> => {
      const { call } = this.request;
      const calls = call && this.#calls(call, generation.text, index);
      return {
        index,
        message: {
          role: "assistant",
          content: call === undefined ? generation.text : null,
          refusal: null,
          ...(calls && { tool_calls: calls }),
        },
        logprobs: await this.#logprobs(generation),
        finish_reason: finishReason(generation, call),
      };
    });
    return {
      id: this.#id,
      object: "chat.completion",
      created: this.#created,
      model: this.engine.info.name,
      choices: await Promise.all(choices),
      usage: usage(generations),
    };
  }

  async stream(signal: AbortSignal, push: (chunk: ChatCompletionChunk) => void): Promise<void> {
    const { n, call, includeUsage } = this.request;
    const send = (index: number, delta: Delta, end?: { reason: FinishReason; logprobs: Logprobs | null }) => {
      const choice = { index, delta, logprobs: end?.logprobs ?? null, finish_reason: end?.reason ?? null };
      push(this.#chunk([choice], includeUsage ? null : undefined));
    };
    // A call of a known function streams its arguments. Any other call is sent once it is complete.
    const known = call?.tool;
    for (let index = 0; index < n; index += 1) {
      send(index, { role: "assistant", content: call === undefined ? "" : null });
      if (known !== undefined) send(index, { tool_calls: [{ index: 0, ...this.#call(index, known, "") }] });
    }
    const generations = await this.#generate(signal, (text, index) => {
      if (call === undefined) send(index, { content: text });
      else if (known !== undefined) send(index, { tool_calls: [{ index: 0, function: { arguments: text } }] });
    });
    for (const [index, generation] of generations.entries()) {
      const calls = call !== undefined && known === undefined ? this.#calls(call, generation.text, index) : [];
      if (calls.length > 0) send(index, { tool_calls: calls.map((made, i) => ({ index: i, ...made })) });
      send(index, {}, { reason: finishReason(generation, call), logprobs: await this.#logprobs(generation) });
    }
    if (includeUsage) push(this.#chunk([], usage(generations)));
  }

  /** Generates all answers in parallel: they share the prompt's KV cache, and are batched. */
  async #generate(
    signal: AbortSignal | undefined,
    onText: (text: string, index: number) => void,
  ): Promise<Generation[]> {
    const { messages, options, n, stream } = this.request;
    const answers = Array.from({ length: n }, (_, index) =>
      this.engine.generate(messages, {
        ...options,
        ...(n > 1 && { seed: (options.seed ?? 0) + index }),
        ...(stream && {
          onToken: (text: string) => {
            onText(text, index);
          },
        }),
        ...(signal && { signal }),
      }),
    );
    return Promise.all(answers);
  }

  #chunk(choices: ChunkChoice[], spent: CompletionUsage | null | undefined): ChatCompletionChunk {
    const chunk: ChatCompletionChunk = {
      id: this.#id,
      object: "chat.completion.chunk",
      created: this.#created,
      model: this.engine.info.name,
      choices,
    };
    if (spent !== undefined) chunk.usage = spent;
    return chunk;
  }

  #calls(call: CallForm, text: string, index: number): ChatCompletionMessageToolCall[] {
    const made = call.read(text);
    return made === undefined ? [] : [this.#call(index, made.name, made.arguments)];
  }

  #call(index: number, name: string, args: string): ChatCompletionMessageToolCall {
    return { id: `call_${this.#id}-${index}`, type: "function", function: { name, arguments: args } };
  }

  async #logprobs(generation: Generation): Promise<Logprobs | null> {
    return this.request.options.logprobs === true ? this.texts.logprobs(generation) : null;
  }
}

function finishReason({ finishReason }: Generation, call: CallForm | undefined): FinishReason {
  return finishReason === "stop" && call !== undefined ? "tool_calls" : finishReason;
}

/** The prompt's tokens count once for all answers. */
function usage(generations: readonly Generation[]): CompletionUsage {
  const prompt = generations[0]?.usage.promptTokens ?? 0;
  const cached = Math.min(...generations.map(({ usage }) => usage.cachedTokens));
  const completion = generations.reduce((sum, { usage }) => sum + usage.completionTokens, 0);
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached },
  };
}
