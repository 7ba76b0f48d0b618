import { LunetteError } from "lunette";
import type { ErrorCode } from "lunette";

/** An error as the page shows it. */
export interface Fault {
  title: string;
  message: string;
  code: string;
}

const TITLES: Record<ErrorCode, string> = {
  "invalid-file": "That is not a model file",
  truncated: "The model file is incomplete",
  "unsupported-architecture": "This kind of model is not known here",
  "unsupported-tensor-type": "This quantization is not known here",
  "invalid-model": "The model does not fit together",
  "unsupported-tokenizer": "The model’s tokenizer is not known here",
  "chat-template": "The model’s chat template failed",
  "invalid-argument": "Something in the form will not do",
  "context-overflow": "The texts are too long for this judge",
  "no-gpu": "There is no usable GPU",
  "out-of-memory": "The model is too large for this machine",
  "device-lost": "The GPU went away",
  source: "The model could not be fetched",
  network: "The network is gone",
  integrity: "The model file is not the one it should be",
  quota: "There is not enough room for the model",
  "in-use": "The model is in use",
  overloaded: "Too many calls are waiting",
  aborted: "Cancelled",
  disposed: "The judge was dismissed",
  "engine-unavailable": "The engine could not be started",
  internal: "The judge stumbled",
};

export function faultOf(error: unknown): Fault {
  if (error instanceof LunetteError)
    return { title: TITLES[error.code], message: sentence(error.message), code: error.code };
  return { title: TITLES.internal, message: error instanceof Error ? error.message : String(error), code: "internal" };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export const isAbort = (error: unknown): boolean => error instanceof LunetteError && error.code === "aborted";

/** After these errors the judge must be loaded again. */
export const isFatal = (error: unknown): boolean =>
  error instanceof LunetteError && ["internal", "device-lost", "disposed"].includes(error.code);
