import { LunetteError } from "./errors.js";

/**
 * Checks of what callers pass, before any of it crosses to the worker. They look at types; what depends on the model
 * (ranges, lengths in tokens) is for the engine to say. Each returns a plain copy that can be posted.
 */
export type Check<T> = (value: unknown, where: string) => T;

/** The longest text worth sending: no model here could read it, and it must not be copied about to find that out. */
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

/** An integer that JavaScript holds exactly and Rust holds unsigned. */
export const whole: Check<number> = (value, where) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw wrong(where, "a whole number, 0 or more", value);
  return value as number;
};

/** A number of things, which the engine counts in 32 bits. */
export const count: Check<number> = (value, where) => {
  if (whole(value, where) > 0xffff_ffff) throw wrong(where, "a whole number below 2³²", value);
  return value as number;
};

export const tokens: Check<Uint32Array> = (value, where) => {
  // By tag, not by class: the array may come from another frame.
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

/** The deepest value worth sending: more than people nest, and less than the engine's stack can bear. */
const DEEPEST_VALUE = 64;

/** A value that JSON can hold. Properties that are undefined are left out of the copy, as JSON leaves them out. */
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

/** Whether an object is what `{}` makes, here or in another frame. */
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

/** An object with these fields. Others are left out of the copy: rows of a dataset carry more than the judge reads. */
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

/** Like {@link record}, but an unknown field is an error: a setting that is misspelt or not there must not pass silently. */
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
