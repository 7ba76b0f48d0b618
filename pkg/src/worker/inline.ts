import type { Transport } from "../wire/client.js";
import { serve } from "./host.js";
import type { Reply } from "../wire/protocol.js";
import type { WasmModule } from "../wire/wasm-contract.js";

/** Runs the host on this thread, with the same messages as in a worker. */
export function openInline(loadWasm: () => Promise<WasmModule>): Transport {
  const { port1, port2 } = new MessageChannel();
  const scope = "addEventListener" in globalThis ? globalThis : undefined;
  return {
    send: (request) => port1.postMessage(request),
    listen(onReply) {
      port1.addEventListener("message", (event: MessageEvent<Reply>) => {
        onReply(event.data);
      });
      port1.start();
      serve(port2, loadWasm, { scope });
      port2.start();
    },
    close: () => port1.close(),
  };
}
