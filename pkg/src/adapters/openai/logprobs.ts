import type { Engine } from "../../api/engine.js";
import type { Generation, TokenLogprob } from "../../types/index.js";
import type { ChatCompletionTokenLogprob, Logprobs, TopLogprob } from "./types.js";

/** The replacement character, which stands for an incomplete character. */
const REPLACEMENT = "\uFFFD";

const encoder = new TextEncoder();

/** The texts of token ids, as OpenAI's clients expect them. Cached. */
export class TokenTexts {
  readonly #texts = new Map<number, Promise<string>>();

  constructor(private readonly engine: Engine) {}

  /** The log-probabilities of a generation's text, without the token that ended it. */
  async logprobs(generation: Generation): Promise<Logprobs> {
    const { logprobs = new Float32Array(), topLogprobs = [] } = generation;
    const kept = generation.tokens.subarray(0, await this.#spoken(generation));
    const content = Array.from(kept, async (token, i): Promise<ChatCompletionTokenLogprob> => {
      const top = (topLogprobs[i] ?? []).map((likely) => this.#entry(likely));
      return {
        ...(await this.#entry({ token, logprob: logprobs[i] ?? Number.NaN })),
        top_logprobs: await Promise.all(top),
      };
    });
    return { content: await Promise.all(content), refusal: null };
  }

  async #entry({ token, logprob }: TokenLogprob): Promise<TopLogprob> {
    const text = await this.#text(token);
    return { token: text, logprob, bytes: text.includes(REPLACEMENT) ? null : [...encoder.encode(text)] };
  }

  #text(token: number): Promise<string> {
    const known = this.#texts.get(token) ?? this.engine.detokenize(Uint32Array.of(token));
    this.#texts.set(token, known);
    return known;
  }

  /** The number of tokens in the text. The others ended the turn, or are part of a stop text. */
  async #spoken({ text, tokens }: Generation): Promise<number> {
    let spoken = tokens.length;
    while (spoken > 0 && (await this.engine.detokenize(tokens.slice(0, spoken - 1))).startsWith(text)) spoken -= 1;
    return spoken;
  }
}
