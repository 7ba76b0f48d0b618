import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Engine } from "../src/api/engine.js";

class StubWorker extends EventTarget {
  static last: StubWorker;
  readonly posted: unknown[] = [];
  readonly terminate = vi.fn();

  constructor(readonly url: URL) {
    super();
    StubWorker.last = this;
  }

  postMessage(message: unknown): void {
    this.posted.push(message);
  }

  reply(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  fail(message?: string): void {
    this.dispatchEvent(Object.assign(new Event("error"), { message }));
  }
}

beforeEach(() => {
  vi.stubGlobal("Worker", StubWorker);
});
afterEach(() => {
  vi.unstubAllGlobals();
});

describe("a worker", () => {
  const load = async () => {
    const before = StubWorker.last;
    const loading = Engine.load(new Blob(["GGUF"]));
    loading.catch(() => undefined);
    await vi.waitFor(() => {
      expect(StubWorker.last).not.toBe(before);
      expect(StubWorker.last.posted).toHaveLength(1);
    });
    return { loading, worker: StubWorker.last };
  };

  it("is started from the package's own script", async () => {
    const { worker } = await load();
    expect(worker.url.href).toMatch(/\/worker\.js$/);
  });

  it("that cannot be loaded is a typed error", async () => {
    const { loading, worker } = await load();
    worker.fail();
    await expect(loading).rejects.toMatchObject({ code: "engine-unavailable" });
    expect(worker.terminate).toHaveBeenCalled();
  });

  it("that cannot be made is a typed error", async () => {
    vi.stubGlobal("Worker", function () {
      throw new DOMException("cross-origin", "SecurityError");
    });
    await expect(Engine.load(new Blob())).rejects.toMatchObject({
      code: "engine-unavailable",
      cause: { name: "SecurityError" },
    });
  });

  it("that crashes ends every call, and those after it", async () => {
    const { loading, worker } = await load();
    worker.reply({ type: "hello" });
    worker.reply({ type: "result", id: 1, value: {} });
    const engine = await loading;
    const calls = [engine.tokenize("a"), engine.detokenize(Uint32Array.of(1))];
    worker.fail("boom");
    for (const call of calls) {
      await expect(call).rejects.toMatchObject({
        code: "internal",
        message: expect.stringContaining("boom") as string,
      });
    }
    await expect(engine.tokenize("a")).rejects.toMatchObject({ code: "internal" });
    await engine.dispose();
  });

  it("that does not answer is ended all the same", async () => {
    const { loading, worker } = await load();
    worker.reply({ type: "result", id: 1, value: {} });
    const engine = await loading;
    const call = engine.tokenize("a");
    const disposing = engine.dispose();
    await expect(call).rejects.toMatchObject({ code: "disposed" });
    await disposing;
    expect(worker.terminate).toHaveBeenCalledOnce();
  });
});
