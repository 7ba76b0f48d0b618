import { text as checkText, tokens as checkTokens } from "../wire/check.js";
import { Client } from "../wire/client.js";
import type { Transport } from "../wire/client.js";
import * as inputs from "../wire/inputs.js";
import { askToPersist } from "./persist.js";
import { platform } from "../platform.js";
import { describeBeside, describeSource, withChatTemplate } from "./source.js";
import { opened } from "./handle.js";
import type {
  ChatMessage,
  ChatPrompt,
  GenerateOptions,
  Generation,
  LoadOptions,
  ModelInfo,
  ModelSource,
  ReadOptions,
  StatesOptions,
} from "../types/index.js";
import { AdmissionControl } from "../wire/admission.js";

/** The client of an engine, for the other classes of this package. */
export let clientOf: (engine: Engine) => Client;

/**
 * A language model that runs on this machine: the layer below {@link Judge}.
 *
 * Every method rejects with a {@link LunetteError}. Calls may overlap: the engine batches them, and each gets its own result.
 */
export class Engine {
  readonly #client: Client;
  #info: ModelInfo;

  static {
    clientOf = (engine) => engine.#client;
  }

  private constructor(client: Client, info: ModelInfo) {
    this.#client = client;
    this.#info = Object.freeze(info);
    client.onInfo = (changed) => {
      this.#info = Object.freeze(changed);
    };
  }

  /** What was loaded and where it runs. A new object once the model runs elsewhere: see {@link LoadOptions.onRecovery}. */
  get info(): ModelInfo {
    return this.#info;
  }

  /**
   * Loads a GGUF model into a worker of its own. It sends requests for this model only.
   *
   * @throws {LunetteError} `source` or `network` when the download fails, `integrity` when the file is not the expected one,
   * `quota` when there is no room to cache it; `invalid-file`, `truncated`, `invalid-model` or one of `unsupported-…` when the
   * file cannot be used; `no-gpu` or `out-of-memory` when this machine cannot run the model; `engine-unavailable` when the
   * worker or the wasm file cannot be loaded; `invalid-argument`; `aborted`.
   */
  static async load(model: ModelSource, options: LoadOptions = {}): Promise<Engine> {
    const given = inputs.loadOptions(options, "options");
    const { worker, cache = true, sha256, onProgress, onRecovery, signal } = given;
    const from = await opened(model);
    const source = describeSource(from, sha256);
    const beside = await describeBeside(from, given);
    // Do not await this: a browser may ask the user, and the load does not depend on the answer.
    if (cache && source.kind === "url") void askToPersist();
    const client = new Client(new AdmissionControl(await connect(worker)));
    client.onRecovery = onRecovery;
    const settings = withChatTemplate(from, inputs.engineOptions(given, "options"));
    try {
      return new Engine(
        client,
        await client.call("load", [source, settings, { cache, ...beside }], { onProgress, signal }),
      );
    } catch (error) {
      void client.dispose();
      throw error;
    }
  }

  /**
   * Text to token ids.
   *
   * @param options.special read markers such as `<|im_end|>` as the special tokens that they name. Default `false`:
   * they stay text.
   */
  async tokenize(text: string, options: { special?: boolean } = {}): Promise<Uint32Array> {
    const { special = false } = inputs.tokenizeOptions(options, "options");
    return this.#client.call("tokenize", [checkText(text, "text"), special]);
  }

  /** Token ids to text. Bytes that are no UTF-8 become U+FFFD. */
  async detokenize(tokens: Uint32Array): Promise<string> {
    return this.#client.call("detokenize", [checkTokens(tokens, "tokens")]);
  }

  /**
   * What the model reads of a conversation: its chat template filled in, up to where the answer begins.
   *
   * @throws {LunetteError} `chat-template` when the file has none or it refuses the conversation.
   */
  async chatPrompt(messages: ChatMessage[]): Promise<ChatPrompt> {
    return this.#client.call("chatPrompt", [inputs.messages(messages, "messages")]);
  }

  /**
   * Next-token logits after the last of `tokens`, `[info.vocabularySize]`.
   *
   * @throws {LunetteError} `context-overflow` when there are more tokens than `info.contextLength`.
   */
  async logits(tokens: Uint32Array, options: ReadOptions = {}): Promise<Float32Array> {
    const { signal, ...settings } = inputs.readOptions(options, "options");
    return this.#client.call("logits", [checkTokens(tokens, "tokens"), settings], { signal });
  }

  /**
   * Natural logarithm of the probability of each token after those before it: element `i` is
   * log p(`tokens[i + 1]` | `tokens[..=i]`), `[tokens.length - 1]`.
   *
   * @throws {LunetteError} `context-overflow` when there are more tokens than `info.contextLength`.
   */
  async logprobs(tokens: Uint32Array, options: ReadOptions = {}): Promise<Float32Array> {
    const { signal, ...settings } = inputs.readOptions(options, "options");
    return this.#client.call("logprobs", [checkTokens(tokens, "tokens"), settings], { signal });
  }

  /**
   * Hidden states of the tokens at the places `at`: what the model's last norm makes of each, from which logits are computed.
   * One behind the other in the order of `at`, `[at.length · info.hiddenSize]`.
   *
   * @throws {LunetteError} `context-overflow` when there are more tokens than `info.contextLength`, `invalid-argument` for a
   * place where there is no token.
   */
  async states(tokens: Uint32Array, options: StatesOptions = {}): Promise<Float32Array> {
    const { signal, ...settings } = inputs.statesOptions(options, "options");
    return this.#client.call("states", [checkTokens(tokens, "tokens"), settings], { signal });
  }

  /**
   * Continues a text, a row of tokens or a conversation.
   *
   * @throws {LunetteError} `context-overflow`, `chat-template` when the model cannot render messages, `invalid-argument` when
   * an option is wrong or a constraint cannot be used, `aborted`.
   */
  async generate(prompt: string | Uint32Array | ChatMessage[], options: GenerateOptions = {}): Promise<Generation> {
    const { onToken, signal, guide, ...settings } = inputs.generateOptions(options, "options");
    return this.#client.call("generate", [inputs.prompt(prompt, "prompt"), settings, guide], { onToken, signal });
  }

  /** Frees the model and ends its worker. Calls still running reject with code `disposed`. May be called again. */
  dispose(): Promise<void> {
    return this.#client.dispose();
  }
}

/** Starts the engine in a worker or on this thread, and returns the transport to it. */
export function connect(worker: LoadOptions["worker"] = platform().threads()): Promise<Transport> | Transport {
  if (typeof worker === "function") return platform().openWorker(worker);
  return worker ? platform().openWorker() : platform().openHere();
}
