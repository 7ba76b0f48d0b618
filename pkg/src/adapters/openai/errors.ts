import { codeOf, LunetteError } from "../../wire/errors.js";
import type { ErrorCode } from "../../wire/errors.js";
import { nameAbort } from "../model.js";

/** An error of this package with the fields of OpenAI's API errors. `code` is this package's. */
export class LunetteApiError extends LunetteError {
  /** The HTTP status that a server would have sent; `undefined` for an abort. */
  readonly status: number | undefined;
  readonly type: "invalid_request_error" | "server_error" | "aborted";
  /** The wrong parameter, as `"messages[0].content"`. */
  readonly param: string | null;

  constructor(code: ErrorCode, message: string, cause: unknown) {
    super(code, message, { cause });
    this.type = code === "aborted" ? "aborted" : INVALID.includes(code) ? "invalid_request_error" : "server_error";
    this.status = { invalid_request_error: 400, server_error: 500, aborted: undefined }[this.type];
    this.param = /^params\.([\w.[\]]*\w\]?)/.exec(message)?.[1] ?? null;
  }
}

/** The codes of errors that the caller can correct. */
const INVALID: readonly ErrorCode[] = ["invalid-argument", "context-overflow", "chat-template"];

export function toApiError(error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  const { message, cause } = error as Error;
  return nameAbort(new LunetteApiError(code, message, cause));
}
