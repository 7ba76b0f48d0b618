import { expect, it, vi } from "vitest";
import { serve } from "../src/worker/host.js";
import type { HostPort } from "../src/worker/host.js";
import type { Reply, Request } from "../src/wire/protocol.js";

it("a host that is disposed of leaves nothing at its page, and says so to its place", async () => {
  const scope = new EventTarget();
  const [add, remove] = [vi.spyOn(scope, "addEventListener"), vi.spyOn(scope, "removeEventListener")];
  const replies: Reply[] = [];
  let receive: (request: Request) => void = () => undefined;
  const port: HostPort = {
    postMessage: (message) => replies.push(message),
    addEventListener: (_, listener) => {
      receive = (data) => listener({ data } as MessageEvent<Request>);
    },
  };
  const onDisposed = vi.fn(() => Promise.resolve());
  serve(port, () => Promise.reject(new Error("not needed")), { scope, onDisposed });
  expect(add).toHaveBeenCalledTimes(1);
  receive({ type: "call", id: 1, method: "dispose", args: [], stream: false });
  await vi.waitFor(() => expect(replies).toContainEqual({ type: "result", id: 1, value: undefined }));
  expect(remove.mock.calls).toEqual(add.mock.calls);
  expect(onDisposed).toHaveBeenCalledTimes(1);
});
