// Compares the adapter's types with promptfoo's. The compiler checks it; it never runs.
import LunetteProvider, { assertRubric } from "lunette/promptfoo";
import type { ApiProvider, AssertionValueFunction, ProviderOptions } from "promptfoo";

export const provider: ApiProvider = new LunetteProvider({ config: { model: "model.gguf", maxTokens: 8 } });
export const made = (options: ProviderOptions): ApiProvider => new LunetteProvider(options);
export const assertion: AssertionValueFunction = assertRubric;
