import { text } from "../wire/check.js";
import type { ClassRubric, ScoreRubric, Template } from "../types/index.js";
import { compute } from "./compute.js";

/**
 * A rubric from the text of a YAML or JSON file: with a `scale`, or with Prometheus's `score1_description` and so on,
 * for `score`; with `labels` for `classify`; an `objective` alone is the criteria of a comparison, as a string. Needs no
 * model.
 *
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `engine-unavailable`.
 */
export async function parseRubric(yaml: string): Promise<ScoreRubric | ClassRubric | string> {
  const checked = text(yaml, "yaml");
  return compute((wasm) => wasm.parseRubric(checked));
}

/**
 * A template from the text of a YAML or JSON file, in the format of docs/guides/templates.md. Needs no model.
 *
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `engine-unavailable`.
 */
export async function parseTemplate(yaml: string): Promise<Template> {
  const checked = text(yaml, "yaml");
  return compute((wasm) => wasm.parseTemplate(checked));
}
