import { entryOf } from "./catalogue.js";
import { listOf, wrong } from "../wire/check.js";
import { LunetteError } from "../wire/errors.js";
import { modelRef } from "../wire/inputs.js";
import { platform } from "../platform.js";
import type { ArrivalOptions, WireSource, WireUrl } from "../wire/protocol.js";
import { opened } from "./handle.js";
import type { OpenedSource } from "./handle.js";
import { partBlobs, partUrls } from "../wire/split.js";
import type { LoadOptions, ModelRef, ModelSource } from "../types/index.js";

/**
 * A source in a form that can be posted to a worker. Addresses become absolute, because the worker's base address differs
 * from the page's.
 *
 * @param sha256 the hash in the caller's options. The source may have one too.
 */
export function describeSource(model: OpenedSource, sha256?: string): WireSource {
  const source = describe(model);
  if (sha256 === undefined) return source;
  if (source.parts.length > 1) {
    throw new LunetteError(
      "invalid-argument",
      "options.sha256 is the hash of one file, and this model has several. Pass `{ url, sha256: [...] }` with one for each.",
    );
  }
  const pinned = source.sha256?.[0];
  if (pinned !== undefined && pinned !== sha256) {
    throw new LunetteError(
      "invalid-argument",
      `options.sha256 is ${sha256}, but this model is known with the hash ${pinned}. Leave one of them out.`,
    );
  }
  return { ...source, sha256: [sha256] };
}

/** `settings` with the chat template of a named model or a reference, unless they have one. */
export function withChatTemplate<T extends { chatTemplate?: string }>(model: OpenedSource, settings: T): T {
  const chatTemplate = settings.chatTemplate ?? refOf(model)?.chatTemplate;
  return chatTemplate === undefined ? settings : { ...settings, chatTemplate };
}

/** The adapters that are asked for, else those of a named model or a reference; and the head. */
export async function describeBeside(
  model: OpenedSource,
  { adapters, head }: Pick<LoadOptions, "adapters" | "head">,
): Promise<Pick<ArrivalOptions, "adapters" | "head">> {
  const asked = adapters ?? refOf(model)?.adapters ?? [];
  const described = async (source: ModelSource) => describeSource(await opened(source));
  return {
    adapters: await Promise.all(asked.map(described)),
    head: head === undefined ? undefined : await described(head),
  };
}

/** How a named model or a reference compares best, where that is known. */
export function methodOf(model: ModelSource): ModelRef["method"] {
  return typeof model === "string" ? entryOf(model)?.method : (model as Partial<ModelRef>).method;
}

function refOf(model: OpenedSource): Partial<ModelRef> | undefined {
  return typeof model === "string" ? entryOf(model) : (model as Partial<ModelRef>);
}

function describe(model: OpenedSource): WireSource {
  if (typeof model === "string") {
    const entry = entryOf(model);
    return entry === undefined ? describeRef({ url: model }) : describeRef(entry);
  }
  if (model instanceof URL) return describeRef({ url: model });
  if (model instanceof Blob) return { kind: "blobs", parts: partBlobs([model]) };
  if (Object.prototype.toString.call(model) === "[object ArrayBuffer]") {
    return { kind: "blobs", parts: [new Blob([model as ArrayBuffer])] };
  }
  if (Array.isArray(model)) {
    const parts = listOf(blob)(model, "model");
    if (parts.length === 0) throw wrong("model", "at least one File", model);
    return { kind: "blobs", parts: partBlobs(parts) };
  }
  const other: unknown = model;
  if (typeof other !== "object" || other === null || !("url" in other)) {
    const expected =
      "a name or URL, a File or its handle, a Blob, an ArrayBuffer, an array of Files or an object with a url";
    throw wrong("model", expected, other);
  }
  return describeRef(modelRef(other, "model"));
}

/** A reference to a file or to the parts of one. */
export function describeRef(ref: ModelRef): WireUrl {
  const { url, bytes, name, license, sha256 } = ref;
  const parts = partUrls(absolute(url));
  const source: WireUrl = { kind: "url", parts };
  if (bytes !== undefined) source.bytes = bytes;
  if (name !== undefined) source.name = name;
  if (license !== undefined) source.license = license;
  if (sha256 === undefined) return source;
  const hashes = typeof sha256 === "string" ? [sha256] : sha256;
  if (hashes.length !== parts.length) {
    throw new LunetteError(
      "invalid-argument",
      `model.sha256 holds ${hashes.length} hashes, but the model has ${parts.length} files. Give one for each.`,
    );
  }
  return { ...source, sha256: hashes };
}

function blob(value: unknown, where: string): Blob {
  if (!(value instanceof Blob)) throw wrong(where, "a File or a Blob", value);
  return value;
}

function absolute(address: string | URL): string {
  let url: URL;
  try {
    url = typeof address === "string" ? platform().locate(address) : new URL(address);
  } catch (cause) {
    throw new LunetteError("invalid-argument", `${JSON.stringify(String(address))} is not the URL of a model.`, {
      cause,
    });
  }
  if (url.username !== "" || url.password !== "") {
    throw new LunetteError(
      "invalid-argument",
      `The address of a model on ${url.host} holds a user name or a password, which browsers do not send with it. Use a signed address.`,
    );
  }
  url.hash = "";
  return url.href;
}
