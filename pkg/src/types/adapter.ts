/**
 * A LoRA adapter by its name in {@link ModelInfo.loraAdapters}, `null` for the model without any, or a name with the scale of
 * what the adapter adds (default 1).
 */
export type AdapterChoice = string | null | { name: string; scale?: number };
