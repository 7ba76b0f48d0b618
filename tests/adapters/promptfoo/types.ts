// The adapter's own types against promptfoo's: checked by the compiler, never run.
import LunetteProvider, { assertRubric } from "lunette/promptfoo";
import type { ApiProvider, AssertionValueFunction, ProviderOptions } from "promptfoo";

export const provider: ApiProvider = new LunetteProvider({ config: { model: "model.gguf", maxTokens: 8 } });
export const made = (options: ProviderOptions): ApiProvider => new LunetteProvider(options);
export const assertion: AssertionValueFunction = assertRubric;
