import { compute } from "../api/compute.js";
import { placeIn } from "../api/evaluation.js";
import { report } from "../api/report.js";
import { openRows } from "../api/rows.js";
import { object, wrong } from "../wire/check.js";
import { reportSpec, row as checkRow, termsOf } from "../wire/evaluation-inputs.js";
import type { Terms, WireRow } from "../wire/evaluation.js";
import type { BadRow, EvaluationSpec, KeptVerdict, Report, ReportOptions, Row, RowVerdict } from "../types/index.js";

/** What a report needs of a component of promptfoo's grading. */
interface Component {
  reason?: string;
  assertion?: { metric?: string; config?: { rubrics?: Record<string, unknown> } } | null;
  componentResults?: Component[];
  metadata?: { choice?: string; expected?: number; distribution?: Record<string, number>; outside?: number };
  tokensUsed?: { prompt?: number; completion?: number };
}

/**
 * How far the verdicts of promptfoo's `assertRubric` agree with people: the report of a run, of the JSON that
 * `promptfoo eval --output results.json` writes. Labels are the ratings that people gave in promptfoo's view: `true` where a
 * response passes. `labelValues` says what that means on a scale, such as `{ true: "5", false: "1" }`.
 *
 * @param spec the rubrics, named as in the assertion's `rubrics`; a single `rubric` has the name of its `metric`, or any.
 * @throws {LunetteError} `invalid-argument` when it is no such run, and as {@link report}.
 */
export async function promptfooReport(
  run: unknown,
  spec: Pick<EvaluationSpec, "task" | "rubrics" | "labelValues">,
  options: ReportOptions = {},
): Promise<Report> {
  const asked = reportSpec(spec, "spec");
  if (asked.task === "compare") throw wrong("spec.task", '"score" or "classify"', asked.task);
  return report(resultsOf(run, termsOf(asked), spec.labelValues ?? {}), asked, options);
}

/** The run's results as an evaluation has them. The reader of data sets knows what promptfoo calls input and response. */
async function* resultsOf(
  run: unknown,
  terms: Terms[],
  meanings: Record<string, string>,
): AsyncGenerator<RowVerdict, void, undefined> {
  const results = listIn(run);
  const file = new Blob([JSON.stringify(results)]);
  let number = 0;
  for await (const row of await openRows(file, { name: "results.json", format: "json" })) {
    yield await resultOf(number, row, results[number], terms, meanings);
    number += 1;
  }
}

function listIn(run: unknown): unknown[] {
  const outer = object(run, "run")["results"];
  const list: unknown = Array.isArray(outer) ? outer : object(outer, "run.results")["results"];
  if (!Array.isArray(list) || list.length === 0) throw wrong("run.results.results", "a list of results", list);
  return list;
}

async function resultOf(
  number: number,
  given: Row | BadRow,
  result: unknown,
  terms: Terms[],
  meanings: Record<string, string>,
): Promise<RowVerdict> {
  if ("reason" in given) return failed(number, given.reason);
  const row: WireRow = checkRow(given, `results[${number}]`);
  const prepared = await compute((wasm) => wasm.prepareRow(terms, meanings, "", row));
  if (prepared.reason !== undefined) return failed(number, prepared.reason);
  const found = terms.map((rubric) => [rubric.name, verdictOf(rubric, result, terms.length === 1)] as const);
  const verdicts = Object.fromEntries(found.filter((entry): entry is [string, KeptVerdict] => entry[1] !== undefined));
  const missing = found.filter(([, verdict]) => verdict === undefined);
  const error = { code: "invalid-row", message: errorOf(result) };
  return {
    row: number,
    ...placeIn(row),
    task: row.task,
    labels: prepared.labels,
    verdicts,
    ...(missing.length > 0 && { errors: Object.fromEntries(missing.map(([name]) => [name, error])) }),
  };
}

const failed = (row: number, message: string): RowVerdict => ({ row, error: { code: "invalid-row", message } });

function errorOf(result: unknown): string {
  const { error } = result as { error?: unknown };
  return typeof error === "string" ? error : "it has no verdict of assertRubric";
}

/** The verdict under a rubric, as the assertion left it in promptfoo's results. */
function verdictOf({ name, task }: Terms, result: unknown, only: boolean): KeptVerdict | undefined {
  const { gradingResult } = result as { gradingResult?: Component | null };
  const named = (gradingResult?.componentResults ?? []).flatMap((component): [string | undefined, Component][] => {
    const parts = component.componentResults;
    if (parts === undefined) return [[component.assertion?.metric, component]];
    const names = Object.keys(component.assertion?.config?.rubrics ?? {});
    return parts.map((part, index) => [names[index], part]);
  });
  const judged = named.filter(([, { metadata }]) => metadata?.distribution !== undefined);
  const component =
    judged.find(([of]) => of === name)?.[1] ?? (only && judged.length === 1 ? judged[0]?.[1] : undefined);
  const { choice, expected, distribution, outside } = component?.metadata ?? {};
  if (component === undefined || choice === undefined || distribution === undefined || outside === undefined) return;
  const { prompt = 0, completion = 0 } = component.tokensUsed ?? {};
  const rest = {
    distribution,
    outside,
    critique: component.reason ?? null,
    usage: { promptTokens: prompt, completionTokens: completion },
  };
  if (task === "classify") return { label: choice, ...rest };
  return expected === undefined ? undefined : { score: Number(choice), expected, ...rest };
}
