/** Every code of a {@link LunetteError}. docs/errors.md says what each one means and what to do. */
export const ERROR_CODES = [
  "invalid-file",
  "truncated",
  "unsupported-architecture",
  "unsupported-tensor-type",
  "invalid-model",
  "unsupported-tokenizer",
  "chat-template",
  "invalid-argument",
  "context-overflow",
  "no-gpu",
  "out-of-memory",
  "device-lost",
  "source",
  "network",
  "integrity",
  "quota",
  "in-use",
  "overloaded",
  "aborted",
  "disposed",
  "engine-unavailable",
  "internal",
] as const;

/** The kind of an error. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** The one error that this package throws and rejects with. Its message says what happened and what to do. */
export class LunetteError extends Error {
  /** Stable: switch on this, not on the message. */
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "LunetteError";
    this.code = code;
  }
}

/** An error as a message. Structured cloning would drop its class and its code. */
export interface WireError {
  code: ErrorCode;
  message: string;
  cause?: { name: string; message: string; stack?: string };
}

export function toWire(error: unknown): WireError {
  if (!(error instanceof Error)) return { code: "internal", message: String(error) };
  const code = codeOf(error);
  if (code === undefined) {
    const message = `The engine failed unexpectedly (${error.message}). Please report it.`;
    return { code: "internal", message, cause: describe(error) };
  }
  const wire: WireError = { code, message: error.message };
  if (error.cause instanceof Error) wire.cause = describe(error.cause);
  return wire;
}

export function fromWire(wire: WireError): LunetteError {
  if (wire.cause === undefined) return new LunetteError(wire.code, wire.message);
  const cause = new Error(wire.cause.message);
  cause.name = wire.cause.name;
  if (wire.cause.stack !== undefined) cause.stack = wire.cause.stack;
  return new LunetteError(wire.code, wire.message, { cause });
}

/** The code of an error that this package or its Rust side made. */
export function codeOf(error: unknown): ErrorCode | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return ERROR_CODES.find((code) => code === error.code);
}

function describe(error: Error): NonNullable<WireError["cause"]> {
  const { name, message, stack } = error;
  return stack === undefined ? { name, message } : { name, message, stack };
}
