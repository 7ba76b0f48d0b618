import { Models } from "lunette";
import type { CatalogueEntry, ModelInfo } from "lunette";

/** A head that comes with the page. */
export interface OwnHead {
  name: string;
  /** What it tells, as the end of a sentence. */
  tells: string;
  /** The catalogue's name of the model that it was trained on. */
  model: string;
  /** The architecture of that model, and the numbers of its hidden states. */
  architecture: string;
  hiddenSize: number;
  url: string;
  /** Size in bytes. */
  bytes: number;
}

export const HEADS: OwnHead[] = [
  {
    name: "Arithmetic",
    tells:
      "whether the solution of a word problem is right. It is a first attempt: a right solution has a higher reward than a wrong " +
      "one in 70 cases of 100, and its Q says little before the end",
    model: "qwen2.5-coder-0.5b",
    architecture: "qwen2",
    hiddenSize: 896,
    url: "heads/math-qwen2.5-coder-0.5b.gguf",
    bytes: 3_498_656,
  },
];

export const modelOf = (head: OwnHead): CatalogueEntry | undefined =>
  Models.catalogue().find(({ id }) => id === head.model);

/** Whether a loaded model can be the one that a head is for. */
export const fits = ({ architecture, hiddenSize }: OwnHead, info: ModelInfo | undefined): boolean =>
  info?.architecture === architecture && info.hiddenSize === hiddenSize && /coder/i.test(info.name);
