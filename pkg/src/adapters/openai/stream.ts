import { filled } from "../streams.js";
import type { ChatCompletionChunk } from "./types.js";

/** The chunks of a completion. They can be iterated once, and leaving the loop stops the completion. */
export class ChatCompletionStream implements AsyncIterable<ChatCompletionChunk> {
  /** Stops the completion: `controller.abort()`. */
  readonly controller: AbortController;
  readonly #chunks: ReadableStream<ChatCompletionChunk>;

  constructor(controller: AbortController, produce: (push: (chunk: ChatCompletionChunk) => void) => Promise<void>) {
    this.controller = controller;
    this.#chunks = filled(produce, () => controller.abort());
  }

  /** The chunks, once. */
  async *[Symbol.asyncIterator](): AsyncGenerator<ChatCompletionChunk, void, undefined> {
    const reader = this.#chunks.getReader();
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } finally {
      // It has ended, failed or was left: stop the completion.
      await reader.cancel().catch(() => undefined);
    }
  }
}
