import * as v from "valibot";
import type { Setup } from "./setup";
import type { Level } from "./rubric";

/*
 * A setup as the fragment of a link: `#lunette-1.` and base64url of raw deflate of JSON. Browsers do not send the fragment to
 * any server. A link is untrusted input: its size is limited, and it is parsed and checked field by field before it reaches a
 * form.
 */

const PREFIX = "#lunette-";
const VERSION = "1";
/** Limit of a fragment's length, in characters. Browsers accept longer ones, but no real setup needs them. */
const MAX_FRAGMENT = 2_000_000;
/** Limit of the inflated JSON, in bytes: a small fragment could inflate to far more. */
const MAX_JSON = 4_000_000;

/** A link that cannot be opened. The message says why. */
export class LinkError extends Error {}

const text = v.string();
const whole = (least: number, most: number) => v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const list = <T>(entry: v.GenericSchema<T>, most: number) => v.pipe(v.array(entry), v.minLength(2), v.maxLength(most));
const ways = v.strictObject({
  critique: v.boolean(),
  maxTokens: whole(1, 4096),
  // Links from before it was a choice have none.
  thinking: v.optional(v.union([v.picklist(["auto", "off"]), whole(1, 32_768)]), "auto"),
  samples: whole(1, 16),
  orders: whole(1, 16),
  bothOrders: v.boolean(),
});
const texts = { input: text, reference: text, context: text, objective: text, ways };
const score = v.pipe(v.number(), v.minValue(-1_000_000), v.maxValue(1_000_000));
const level = v.strictObject({ score, description: text });
const label = v.strictObject({ label: text, description: text });
const ascending = (levels: Level[]) =>
  levels.every(({ score }, i) => i === 0 || score > (levels[i - 1]?.score ?? score));

const setup = v.variant("tab", [
  v.strictObject({
    tab: v.literal("score"),
    draft: v.strictObject({ ...texts, response: text, levels: v.pipe(list(level, 101), v.check(ascending)) }),
  }),
  v.strictObject({
    tab: v.literal("classify"),
    draft: v.strictObject({ ...texts, response: text, labels: list(label, 20) }),
  }),
  v.strictObject({
    tab: v.literal("compare"),
    draft: v.strictObject({ ...texts, responses: v.strictTuple([text, text]) }),
  }),
  v.strictObject({ tab: v.literal("rank"), draft: v.strictObject({ ...texts, responses: list(text, 100) }) }),
]);

/** The fragment of a setup, with its `#`. */
export async function toFragment(what: Setup): Promise<string> {
  const json = new Blob([JSON.stringify(what)]).stream();
  const packed = await new Response(json.pipeThrough(new CompressionStream("deflate-raw"))).arrayBuffer();
  return `${PREFIX}${VERSION}.${toBase64Url(new Uint8Array(packed))}`;
}

export const isShared = (fragment: string): boolean => fragment.startsWith(PREFIX);

/** @throws {LinkError} when the fragment is not a setup, is damaged, or is too large. */
export async function fromFragment(fragment: string): Promise<Setup> {
  const [version, data] = fragment.slice(PREFIX.length).split(".", 2);
  if (version !== VERSION) throw new LinkError("It was made by another version of this page. Ask for a new one.");
  if (fragment.length > MAX_FRAGMENT) throw new LinkError("It is longer than any setup that this page makes.");
  const broken = new LinkError("It is damaged or was cut off on its way. Ask for it again, whole.");
  const bytes = fromBase64Url(data ?? "");
  if (bytes === undefined) throw broken;
  const json = await inflate(bytes).catch((error: unknown) => {
    throw error instanceof LinkError ? error : broken;
  });
  const found = v.safeParse(setup, parse(json));
  if (!found.success) throw new LinkError("It holds something that is not a setup of this page.");
  return found.output;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

async function inflate(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return new Blob(pieces).text();
    length += value.byteLength;
    if (length > MAX_JSON) {
      await reader.cancel();
      throw new LinkError("It unpacks to more than any setup that this page makes.");
    }
    pieces.push(value);
  }
}

function toBase64Url(bytes: Uint8Array): string {
  let binary = "";
  // Convert in pieces: a call has a limit of arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64Url(data: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[\w-]+$/.test(data)) return undefined;
  try {
    return Uint8Array.from(atob(data.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}
