import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CachedPart } from "../src/worker/cache/part.js";
import { openFolder } from "../src/node/store.js";
import { realWasm } from "./real-wasm.js";

const SIZE = 1 << 20;
const LEASH = 1 << 10;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lunette-part-"));
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(folder, { recursive: true, force: true });
});

/** A part for a plan, whose download pauses at the read-ahead limit. `send` is the server. */
async function planned(name: string) {
  const storage = await openFolder(folder);
  if (!("store" in storage)) throw new Error(storage.missing);
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (stream = controller) });
  vi.stubGlobal("fetch", () => Promise.resolve(new Response(body, { headers: { "content-length": String(SIZE) } })));
  const { WasmSha256: Sha256 } = await realWasm();
  const url = "https://example.org/model.gguf";
  const record = { format: 1 as const, model: name, part: 0, parts: 1, url, name, lastUsed: 0, chunks: [] };
  const place = { store: storage.store, record, url, expected: {}, room: () => Promise.resolve(), leash: LEASH };
  const around = {
    Sha256,
    signal: new AbortController().signal,
    retry: undefined,
    onBytes: () => undefined,
    onNote: () => undefined,
  };
  const part = new CachedPart(place, around);
  const source = await part.open();
  return { part, source, send: (bytes: number) => stream?.enqueue(new Uint8Array(bytes)) };
}

it("stops at any moment, also when bytes have just come that put it ahead of its reader", async () => {
  for (let moments = 0; moments < 24; moments += 1) {
    const { part, source, send } = await planned(`model-${moments}`);
    part.start();
    send(1);
    await source.next();
    send(2 * LEASH);
    for (let moment = 0; moment < moments; moment += 1) await Promise.resolve();
    const late = new Promise((resolve) => setTimeout(resolve, 1000, "late"));
    expect(await Promise.race([part.stop().then(() => "stopped"), late]), `${moments} moments later`).toBe("stopped");
  }
});
