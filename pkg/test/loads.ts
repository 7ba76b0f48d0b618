// Loads without an engine, from the test's own server into the test's own folder. A file that imports this has an empty folder
// for each of its tests.

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Arrival } from "../src/worker/arrival.js";
import { modelKey } from "../src/worker/cache/address.js";
import { CHUNK_BYTES, fileKey, parseRecord } from "../src/worker/cache/record.js";
import type { Storage, Store } from "../src/worker/cache/store.js";
import { CallControl } from "../src/worker/control.js";
import { arrive } from "../src/worker/loading.js";
import { Meter } from "../src/worker/meter.js";
import { openFolder } from "../src/node/store.js";
import { describeSource } from "../src/api/source.js";
import type { OpenedSource } from "../src/api/handle.js";
import type { Progress } from "../src/types/index.js";
import type { ModelBytes, WasmSha256Class } from "../src/wire/wasm-contract.js";
import { realWasm } from "./real-wasm.js";
import { begins, noise, sendFile, serving } from "./serving.js";

export const bytes = noise(2 * CHUNK_BYTES + 1_234_567);
export const hashOf = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
export const sha256 = hashOf(bytes);
const retry = { attempts: 3, firstDelayMs: 1, longestDelayMs: 5, longestRetryAfterMs: 50, stallMs: 20_000 };

export let Sha256: WasmSha256Class;
export let folder: string;
export let store: Store;
beforeAll(async () => {
  Sha256 = (await realWasm()).WasmSha256;
});
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "lunette-cache-"));
  const storage = await openFolder(folder);
  if (!("store" in storage)) throw new Error(storage.missing);
  ({ store } = storage);
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Reads a model like the engine: every part to its end. */
export async function readAll(model: ModelBytes): Promise<{ data: Buffer }> {
  const pieces: Uint8Array[] = [];
  for (let part = 0; part < model.parts; part += 1) {
    const source = await model.open(part);
    for (let piece = await source.next(); piece !== null; piece = await source.next()) pieces.push(piece.slice());
    source.close();
  }
  return { data: Buffer.concat(pieces) };
}

interface Loading {
  work?: (model: ModelBytes) => Promise<{ data: Buffer }>;
  storage?: Storage | undefined;
  control?: CallControl;
  plan?: boolean;
}

/** A whole load, like the host's. */
export async function load(model: OpenedSource, how: Loading = {}) {
  const { work = readAll, control = new CallControl(), plan = false } = how;
  const progress: Progress[] = [];
  const meter = new Meter((event) => progress.push(event));
  const storage = "storage" in how ? how.storage : { store };
  const arrival = new Arrival({ source: describeSource(model), Sha256, meter, storage, retry, plan });
  const { data } = await arrive(arrival, control, meter, () => work(arrival));
  return { data, progress, arrival };
}

/** Serves the file, and records the first byte of each request. */
export async function serve(sabotage: (request: number) => Parameters<typeof sendFile>[3] = () => undefined) {
  const asked: number[] = [];
  const url = await serving((request, response) => {
    if (request.method === "GET") asked.push(begins(request));
    sendFile(request, response, bytes, sabotage(asked.length));
  });
  return { url, asked };
}

export const equal = (data: Buffer) => {
  expect(hashOf(data)).toBe(sha256);
};
export const nameOf = async (url: string) => fileKey(await modelKey(url), 0);
export const recordOf = async (url: string) => parseRecord(await store.readRecord(await nameOf(url)));
export const dataOf = async (url: string) => join(folder, `${await nameOf(url)}.gguf`);
