import { indexedDbJournal } from "lunette";
import type { CalibrationMap, EvaluationProgress, Judge, RowVerdict } from "lunette";
import { faultOf, isAbort, isFatal } from "../../data/faults";
import type { Fault } from "../../data/faults";
import type { JudgeState } from "../../state/judge.svelte";
import { hasFailed } from "../data/answers";
import { newForm, optionsOf, rubricsOf } from "../data/form";
import type { Form } from "../data/form";
import { withoutTexts } from "../data/results";
import { forgiving, JOURNAL, Store, storageFault } from "../data/store";
import type { StoredRun } from "../data/store";
import { Agreement } from "./agreement.svelte";
import type { Judged } from "./agreement.svelte";
import { Dataset } from "./dataset.svelte";
import { HandLabelling } from "./labels.svelte";

/** Milliseconds between two updates of the page and of what is kept. */
const BEAT = 400;

type Stage = "opening" | "setup" | "run";

/** An evaluation, from the choice of the data to its report. What was judged and labelled outlives the page. */
export class Evaluation {
  stage = $state<Stage>("opening");
  readonly data = new Dataset();
  form = $state<Form>(newForm());
  /** What runs or ran. */
  run = $state.raw<StoredRun>();
  judging = $state(false);
  progress = $state.raw<EvaluationProgress>();
  fault = $state.raw<Fault>();
  /** Why nothing is kept, if so. */
  unkept = $state.raw<Fault>();
  /** A status that screen readers announce: one sentence for each event. */
  status = $state("");
  readonly agreement = new Agreement();
  readonly labels = new HandLabelling((row, labels) => void this.#keeping(() => this.#store.keepLabels(row, labels)));

  /** By the number of their row, with holes. A new object tells that there are new ones: a list of many is not copied. */
  #judgedRows = $state.raw<{ list: RowVerdict[] }>({ list: [] });
  #fresh: RowVerdict[] = [];
  /** The results that the figures are of. */
  #computed: RowVerdict[] | undefined;
  readonly #store = new Store();
  #control: AbortController | undefined;
  #running = Promise.resolve();

  constructor(private readonly judge: JudgeState) {
    void this.#reopen();
  }

  /** The results in the order of the rows. */
  readonly results = $derived(Object.values(this.#judgedRows.list));

  readonly done = $derived(this.results.length);

  readonly finished = $derived(this.run !== undefined && this.done >= this.run.total);

  /** Rows that lack a verdict under some rubric. */
  readonly failed = $derived(this.results.filter(hasFailed).length);

  /** What was asked, as the package takes it. */
  readonly judged = $derived<Judged>(
    this.run ? { task: this.run.form.task, rubrics: rubricsOf(this.run.form) } : { task: "score", rubrics: [] },
  );

  /** The results with the labels that were given by hand. */
  readonly labelled = $derived(
    this.labels.merge(
      this.results,
      this.judged.rubrics.map(({ name }) => name),
    ),
  );

  result(row: number): RowVerdict | undefined {
    return this.#judgedRows.list[row];
  }

  /** Whether the run was begun with another judge than the one that is loaded. */
  get otherJudge(): boolean {
    return this.run !== undefined && this.judge.state === "ready" && this.run.judge !== this.judge.name;
  }

  /** Begins a run of the data and the form. */
  async start(): Promise<void> {
    const { file, name, map, rows } = this.data;
    if (this.judging || file === undefined) return;
    const form = $state.snapshot(this.form);
    try {
      rubricsOf(form);
    } catch (error) {
      this.fault = faultOf(error);
      return;
    }
    const run: StoredRun = { name, file, map, form, total: rows.length, judge: this.judge.name };
    this.#take(run);
    this.stage = "run";
    await this.#keeping(() => this.#store.begin(run));
    await this.proceed();
  }

  /** Goes on with the run where it stopped. */
  async proceed(): Promise<void> {
    const engine = this.judge.current;
    if (this.judging || engine === undefined || this.run === undefined) return;
    this.#running = this.#proceed(engine, this.run);
    await this.#running;
  }

  async #proceed(engine: Judge, run: StoredRun): Promise<void> {
    this.judging = true;
    // The verdicts of two judges are not one run.
    if (this.otherJudge) await this.#changeJudge(run);
    this.#control = new AbortController();
    this.fault = undefined;
    this.status = "The judge is reading.";
    this.progress = undefined;
    const beat = setInterval(() => this.#flush(), BEAT);
    try {
      await this.#judgeAll(engine, run, this.#control.signal);
      this.status = "Every row is judged.";
    } catch (error) {
      this.status = isAbort(error) ? "Paused." : "The run stopped.";
      if (!isAbort(error)) this.fault = faultOf(error);
      if (isFatal(error)) await this.judge.dismiss();
    } finally {
      clearInterval(beat);
      this.#flush();
      this.judging = false;
    }
    await this.refresh();
  }

  pause(): void {
    this.#control?.abort();
  }

  /** Back to the data and the form. The run is kept until another one begins. */
  leave(): void {
    this.pause();
    this.stage = "setup";
  }

  /** Back to the run, with its data. */
  async back(): Promise<void> {
    const { data, run } = this;
    if (run === undefined) return;
    this.stage = "run";
    if (data.file !== run.file || data.map !== run.map) await data.open(run.file, run.name, run.map);
    await this.refresh();
  }

  /** Deletes the run, its verdicts and its labels. */
  async forget(): Promise<void> {
    this.pause();
    // What is in flight would be kept again.
    await this.#running;
    this.#take(undefined);
    this.stage = "setup";
    this.status = "Forgotten.";
    await this.#keeping(() => this.#store.forget());
  }

  /** Computes the figures, if there are results or labels that they do not count yet. */
  async refresh(): Promise<void> {
    const { labelled } = this;
    // The texts are the data's: while it is read they are missing, and during the setup they may be those of another run.
    if (this.stage !== "run" || this.data.reading || this.judging) return;
    if (labelled.length === 0 || labelled === this.#computed) return;
    this.#computed = labelled;
    await this.agreement.compute(labelled, this.data.rows, this.judged);
  }

  /** Reads the calibrated scores off the journal: nothing is judged again. */
  async calibrate(map: CalibrationMap | undefined): Promise<void> {
    if (this.run === undefined) return;
    this.status = "";
    this.run = { ...this.run, calibration: map };
    const { run } = this;
    await this.#keeping(() => this.#store.update(run));
    await this.proceed();
  }

  async #judgeAll(engine: Judge, { form, calibration }: StoredRun, signal: AbortSignal): Promise<void> {
    const judge = calibration ? engine.withCalibration(calibration) : engine;
    const { task, rubrics } = this.judged;
    const journal = forgiving(indexedDbJournal(JOURNAL), (error) => (this.unkept = storageFault(error)));
    const onProgress = (progress: EvaluationProgress) => (this.progress = progress);
    const spec = { task, rubrics, journal, onProgress, labelValues: form.labelValues };
    for await (const whole of judge.evaluate(this.data.rows, spec, { ...optionsOf(form), signal })) {
      const result = withoutTexts(whole);
      this.#judgedRows.list[result.row] = result;
      this.#fresh.push(result);
    }
  }

  async #changeJudge(run: StoredRun): Promise<void> {
    this.run = { ...run, judge: this.judge.name };
    this.#judgedRows = { list: [] };
    const changed = this.run;
    await this.#keeping(async () => {
      await this.#store.clearResults();
      await this.#store.update(changed);
    });
  }

  /** Shows and keeps what has come. */
  #flush(): void {
    if (this.#fresh.length === 0) return;
    const fresh = this.#fresh;
    this.#fresh = [];
    this.#judgedRows = { ...this.#judgedRows };
    void this.#keeping(() => this.#store.keepResults(fresh));
  }

  #take(run: StoredRun | undefined): void {
    this.run = run;
    this.#judgedRows = { list: [] };
    this.#fresh = [];
    this.labels.reset();
    this.agreement.clear();
    this.#computed = undefined;
    this.fault = undefined;
  }

  async #reopen(): Promise<void> {
    const kept = await this.#keeping(() => this.#store.load());
    this.stage = "setup";
    if (kept === undefined) return;
    const { run, results, labels } = kept;
    this.#take(run);
    this.form = structuredClone(run.form);
    this.#judgedRows = { list: results };
    this.labels.reset(labels);
    this.stage = "run";
    await this.data.open(run.file, run.name, run.map);
    await this.refresh();
  }

  async #keeping<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      const result = await work();
      this.unkept = undefined;
      return result;
    } catch (error) {
      this.unkept = storageFault(error);
      return undefined;
    }
  }
}

const evaluations = new WeakMap<JudgeState, Evaluation>();

/** The page's evaluation. It goes on while another tab is open. */
export function evaluationOf(judge: JudgeState): Evaluation {
  const there = evaluations.get(judge) ?? new Evaluation(judge);
  evaluations.set(judge, there);
  return there;
}
