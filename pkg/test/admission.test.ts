import { describe, expect, it, vi } from "vitest";
import { Client } from "../src/wire/client.js";
import type { Transport } from "../src/wire/client.js";
import type { Reply, Request } from "../src/wire/protocol.js";
import { AdmissionControl } from "../src/wire/admission.js";

/** A transport whose replies the test sends. */
function otherSide() {
  const sent: Request[] = [];
  let answer: (reply: Reply) => void = () => undefined;
  const close = vi.fn();
  const transport: Transport = {
    send: (request) => void sent.push(request),
    listen: (onReply) => {
      answer = onReply;
    },
    close,
  };
  const calls = () => sent.filter((request) => request.type === "call").map(({ id }) => id);
  return { transport, close, sent, calls, answer: (reply: Reply) => answer(reply) };
}

const logits = (client: Client, signal?: AbortSignal) => client.call("logits", [Uint32Array.of(1), {}], { signal });
const value = Float32Array.of(1);

describe("calls that overlap", () => {
  it("go through in their order, as many as there is room for", async () => {
    const { transport, calls, answer } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 2, waiting: 9 }));
    const results = [1, 2, 3, 4].map(() => logits(client));
    expect(calls()).toEqual([1, 2]);
    answer({ type: "result", id: 2, value });
    expect(calls()).toEqual([1, 2, 3]);
    for (const id of [1, 3, 4]) answer({ type: "result", id, value });
    expect(calls()).toEqual([1, 2, 3, 4]);
    expect(await Promise.all(results)).toEqual([value, value, value, value]);
  });

  it("do not hold up those that compute nothing", () => {
    const { transport, calls } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 1, waiting: 9 }));
    void logits(client);
    void logits(client);
    void client.call("tokenize", ["a", false]);
    expect(calls()).toEqual([1, 3]);
  });

  it("never begin when they are aborted while they wait", async () => {
    const { transport, sent, calls, answer } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 1, waiting: 9 }));
    const controller = new AbortController();
    const first = logits(client);
    const second = logits(client, controller.signal);
    controller.abort();
    await expect(second).rejects.toMatchObject({ code: "aborted" });
    answer({ type: "result", id: 1, value });
    await first;
    expect(calls()).toEqual([1]);
    expect(sent).toHaveLength(1);
  });

  it("keep their place until the engine has let go of them", async () => {
    const { transport, calls, answer } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 1, waiting: 9 }));
    const controller = new AbortController();
    const first = logits(client, controller.signal);
    void logits(client);
    controller.abort();
    await expect(first).rejects.toMatchObject({ code: "aborted" });
    expect(calls()).toEqual([1]);
    answer({ type: "error", id: 1, error: { code: "aborted", message: "The call was aborted." } });
    expect(calls()).toEqual([1, 2]);
  });

  it("are refused when too many wait, and those that wait are not", async () => {
    const { transport, answer } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 1, waiting: 2 }));
    const calls = [1, 2, 3].map(() => logits(client));
    await expect(logits(client)).rejects.toMatchObject({ code: "overloaded" });
    for (const id of [1, 2, 3]) answer({ type: "result", id, value });
    await Promise.all(calls);
    const again = logits(client);
    answer({ type: "result", id: 5, value });
    expect(await again).toEqual(value);
  });

  it("all end when the engine is disposed of", async () => {
    const { transport, close, calls, answer } = otherSide();
    const client = new Client(new AdmissionControl(transport, { inside: 1, waiting: 9 }));
    const all = [1, 2, 3].map(() => logits(client).catch((error: unknown) => (error as { code: string }).code));
    const disposing = client.dispose();
    expect(await Promise.all(all)).toEqual(["disposed", "disposed", "disposed"]);
    answer({ type: "error", id: 1, error: { code: "aborted", message: "The call was aborted." } });
    answer({ type: "result", id: 4, value: undefined });
    await disposing;
    expect(calls()).toEqual([1, 4]);
    expect(close).toHaveBeenCalledOnce();
  });
});

it("What cannot be posted is an error of that call alone", async () => {
  const { transport } = otherSide();
  transport.send = () => {
    throw new DOMException("not cloneable", "DataCloneError");
  };
  const call = logits(new Client(new AdmissionControl(transport)));
  await expect(call).rejects.toMatchObject({ code: "invalid-argument" });
});
