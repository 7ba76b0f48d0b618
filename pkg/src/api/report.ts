import { flag, json, signal as signalOf } from "../wire/check.js";
import type { Json } from "../wire/check.js";
import { Client } from "../wire/client.js";
import { reportForm, reportSettings, reportSpec, termsOf } from "../wire/evaluation-inputs.js";
import type { Terms } from "../wire/evaluation.js";
import { connect } from "./engine.js";
import type {
  EvaluationSpec,
  Paired,
  Report,
  ReportForm,
  ReportOptions,
  ReportSettings,
  RowVerdict,
} from "../types/index.js";

/** Results that go to the worker at once. */
const BATCH = 500;

/**
 * How far a judge agrees with people, for each rubric: figures with intervals, baselines and ceilings. The same results and
 * settings give the same report, here and in the terminal. It is made in a thread of its own. Needs no model.
 *
 * @param results of {@link Judge.evaluate}, or lines of `results.jsonl`.
 * @throws {LunetteError} `invalid-argument` naming what is wrong; `aborted`; `engine-unavailable`.
 */
export async function report(
  results: Iterable<RowVerdict> | AsyncIterable<RowVerdict>,
  spec: Pick<EvaluationSpec, "task" | "rubrics">,
  options: ReportOptions = {},
): Promise<Report> {
  const { signal, details, settings } = optionsOf(options);
  const terms = termsOf(reportSpec(spec, "spec"));
  // As text: of many rows, a worker's values are there twice while they are on their way.
  const made = await inWorker(async (client) => {
    await gather(client, 0, terms, details ? results : eachBare(results), "results", signal);
    return client.call("report", [settings, details], { signal });
  });
  return JSON.parse(made) as Report;
}

/**
 * Whether the second of two runs agrees more with people than the first, on the rows that both judged: differences with
 * intervals and tests. Labels are those of the first run. Needs no model.
 *
 * @throws {LunetteError} as {@link report}.
 */
export async function compareRuns(
  first: Iterable<RowVerdict> | AsyncIterable<RowVerdict>,
  second: Iterable<RowVerdict> | AsyncIterable<RowVerdict>,
  spec: Pick<EvaluationSpec, "task" | "rubrics">,
  options: ReportOptions = {},
): Promise<Paired> {
  const { signal, settings } = optionsOf(options);
  const terms = termsOf(reportSpec(spec, "spec"));
  return inWorker(async (client) => {
    await gather(client, 0, terms, first, "first", signal);
    await gather(client, 1, terms, second, "second", signal);
    return client.call("compareRuns", [settings], { signal });
  });
}

/**
 * A report as a page that stands alone, as Markdown, CSV or JUnit XML, or as JSON. Texts of the data are escaped.
 *
 * @throws {LunetteError} `invalid-argument`; `engine-unavailable`.
 */
export async function renderReport(report: Report, as: ReportForm): Promise<string> {
  const form = reportForm(as, "as");
  const data = json(report, "report") as unknown as Report;
  return inWorker((client) => client.call("renderReport", [data, form]));
}

function optionsOf(options: ReportOptions): {
  signal: AbortSignal | undefined;
  details: boolean;
  settings: ReportSettings;
} {
  const { signal, details = true, ...settings } = options;
  return {
    signal: signal === undefined ? undefined : signalOf(signal, "options.signal"),
    details: flag(details, "options.details"),
    settings: reportSettings(settings, "options"),
  };
}

/** Results without their texts. */
async function* eachBare(
  results: Iterable<RowVerdict> | AsyncIterable<RowVerdict>,
): AsyncGenerator<RowVerdict, void, undefined> {
  for await (const result of results) {
    const verdicts = Object.entries(result.verdicts ?? {});
    // Most have no critique, and a copy of each would be a hundred bytes for the collector.
    const wordy = verdicts.some(([, { critique }]) => critique !== null);
    const silent = () => Object.fromEntries(verdicts.map(([name, verdict]) => [name, { ...verdict, critique: null }]));
    yield { ...result, task: {}, ...(wordy && { verdicts: silent() }) };
  }
}

/** Hands results over, a few at a time, so that they are not there twice. */
async function gather(
  client: Client,
  run: 0 | 1,
  terms: Terms[],
  results: Iterable<RowVerdict> | AsyncIterable<RowVerdict>,
  where: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let batch: Json[] = [];
  let first = 0;
  const hand = async () => {
    await client.call("addResults", [run, terms, batch, first], { signal });
    first += batch.length;
    batch = [];
  };
  for await (const result of results) {
    batch.push(json(result, `${where}[${first + batch.length}]`));
    if (batch.length >= BATCH) await hand();
  }
  // A run without results has a report as well.
  if (batch.length > 0 || first === 0) await hand();
}

/** A worker of its own: the engine's is busy with judging. It is stopped if the call is aborted. */
async function inWorker<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client(await connect());
  let done;
  try {
    done = await work(client);
  } catch (error) {
    void client.dispose();
    throw error;
  }
  // Its memory is free before its answer is unpacked: of many rows both are large.
  await client.dispose();
  return done;
}
