import { LunetteError } from "./errors.js";

/**
 * Checks a caller's value before it is sent to the worker, and returns a plain copy that can be posted. Checks look at types.
 * What depends on the model (ranges, lengths in tokens) is checked by the engine.
 */
export type Check<T> = (value: unknown, where: string) => T;

/** The longest text that is accepted, in UTF-16 units. No model can read a longer one, so it is not even copied. */
const LONGEST_TEXT = 1 << 24;

export const text: Check<string> = (value, where) => {
  if (typeof value !== "string") throw wrong(where, "a string", value);
  if (value.length > LONGEST_TEXT) {
    throw new LunetteError(
      "context-overflow",
      `${where} is ${value.length} characters long; the most that is accepted is ${LONGEST_TEXT}. Shorten the text.`,
    );
  }
  const broken = value.search(/\p{Surrogate}/u);
  if (broken >= 0) {
    throw new LunetteError(
      "invalid-argument",
      `${where} holds half a character at index ${broken} (a lone surrogate, as when a text is cut inside an emoji). ` +
        "Cut it elsewhere, or pass it through toWellFormed().",
    );
  }
  return value;
};

export const flag: Check<boolean> = (value, where) => {
  if (typeof value !== "boolean") throw wrong(where, "true or false", value);
  return value;
};

export const finite: Check<number> = (value, where) => {
  if (typeof value !== "number" || !Number.isFinite(value)) throw wrong(where, "a finite number", value);
  return value;
};

/** A non-negative integer that JavaScript represents exactly. */
export const whole: Check<number> = (value, where) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(where, "a whole number, 0 or more", value);
  return value as number;
};

/** A count, which must fit into 32 bits. */
export const count: Check<number> = (value, where) => {
  if (whole(value, where) > 0xffff_ffff) throw wrong(where, "a whole number below 2³²", value);
  return value as number;
};

export const tokens: Check<Uint32Array> = (value, where) => {
  // Check the tag and not the class: the array may come from another frame.
  if (Object.prototype.toString.call(value) !== "[object Uint32Array]") throw wrong(where, "a Uint32Array", value);
  return Uint32Array.from(value as Uint32Array);
};

export const callback: Check<(value: unknown) => void> = (value, where) => {
  if (typeof value !== "function") throw wrong(where, "a function", value);
  return value as (value: unknown) => void;
};

export const signal: Check<AbortSignal> = (value, where) => {
  if (!(value instanceof AbortSignal)) throw wrong(where, "an AbortSignal", value);
  return value;
};

/** The deepest nesting that is accepted. Real values stay below it, and the engine's stack can hold it. */
const DEEPEST_VALUE = 64;

/** A JSON value. The copy leaves out undefined properties, as JSON does. */
export const json: Check<Json> = (value, where) => {
  const copy = (value: unknown, where: string, depth: number): Json => {
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return text(value, where);
    if (typeof value === "number") return finite(value, where);
    if (typeof value !== "object") throw wrong(where, "a value that JSON can hold", value);
    if (depth === 0) {
      throw new LunetteError(
        "invalid-argument",
        `${where} is nested more than ${DEEPEST_VALUE} levels deep, or within itself. Flatten it.`,
      );
    }
    if (Array.isArray(value)) return Array.from(value, (item, i) => copy(item, `${where}[${i}]`, depth - 1));
    if (!isPlain(value)) throw wrong(where, "a plain object", value);
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    return Object.fromEntries(
      entries.map(([key, item]) => [text(key, `a key of ${where}`), copy(item, `${where}.${key}`, depth - 1)]),
    );
  };
  return copy(value, where, DEEPEST_VALUE);
};

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Whether an object is a plain one, of this or another frame. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

export function oneOf<const T extends string>(...names: T[]): Check<T> {
  return (value, where) => {
    const found = names.find((name) => name === value);
    if (found === undefined) throw wrong(where, names.map((name) => `"${name}"`).join(" or "), value);
    return found;
  };
}

export function listOf<T>(item: Check<T>): Check<T[]> {
  return (value, where) => {
    if (!Array.isArray(value)) throw wrong(where, "an array", value);
    return Array.from(value, (entry, index) => item(entry, `${where}[${index}]`));
  };
}

type Fields<T> = { readonly [K in keyof T]-?: Check<T[K]> | Optional<T[K]> };
interface Optional<T> {
  readonly optional: Check<Exclude<T, undefined>>;
}

export function optional<T>(check: Check<Exclude<T, undefined>>): Optional<T> {
  return { optional: check };
}

/** An object with these fields. The copy leaves out others: rows of a dataset may have more fields than the judge reads. */
export function record<T extends object>(fields: Fields<T>): Check<T> {
  return (value, where) => {
    const source = object(value, where);
    const copy: Partial<T> = {};
    for (const key of Object.keys(fields) as (keyof T & string)[]) {
      const field = fields[key];
      const given = source[key];
      if (typeof field === "function") copy[key] = field(given, `${where}.${key}`);
      else if (given !== undefined) copy[key] = field.optional(given, `${where}.${key}`);
    }
    return copy as T;
  };
}

/** Like {@link record}, but an unknown field is an error: a misspelt setting must not be ignored silently. */
export function settings<T extends object>(fields: Fields<T>): Check<T> {
  const read = record(fields);
  return (value, where) => {
    for (const [key, given] of Object.entries(object(value, where))) {
      if (given === undefined || Object.hasOwn(fields, key)) continue;
      const known = Object.keys(fields).join(", ");
      throw new LunetteError("invalid-argument", `${where}.${key} is not supported. Supported here: ${known}.`);
    }
    return read(value, where);
  };
}

export function object(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(where, "an object", value);
  return value as Record<string, unknown>;
}

export function wrong(where: string, expected: string, value: unknown): LunetteError {
  return new LunetteError("invalid-argument", `${where} must be ${expected}, but is ${nameOf(value)}.`);
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return value.length > 40 ? "a string" : JSON.stringify(value);
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "an empty array" : "an array";
  return typeof value === "object" ? "an object" : typeof value;
}
