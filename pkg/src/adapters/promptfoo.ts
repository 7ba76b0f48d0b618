/**
 * promptfoo: a provider that answers prompts, and an assertion that grades answers by a rubric.
 *
 * @packageDocumentation
 */
import { object, optional, record, text, wrong } from "../wire/check.js";
import { codeOf, LunetteError } from "../wire/errors.js";
import { generateOptions, judgeOptions, prompt as checkPrompt } from "../wire/inputs.js";
import type { ChatMessage, GenerateOptions, Generation, JudgeOptions, Usage } from "../types/index.js";
import { grade, gradeRubric, subjectOf } from "./grade.js";
import type { Grade, GradeRubric } from "./grade.js";
import { judgeFor, release, retain } from "./promptfoo-models.js";
import type { LoadSettings } from "./promptfoo-models.js";

export type { GradedClassRubric, GradeRubric } from "./grade.js";
export { promptfooReport } from "./promptfoo-report.js";
export type { LoadSettings } from "./promptfoo-models.js";

interface ModelConfig {
  /** A model for `Judge.load`: a name, a path or a URL. */
  model: string;
  /** Its load options. */
  load?: LoadSettings;
}

/** `config` of the provider. */
export interface ProviderConfig extends ModelConfig, Omit<GenerateOptions, "onToken" | "signal"> {
  /** A system message before every prompt. */
  system?: string;
}

/** promptfoo's arguments of a provider. */
export interface ProviderOptions {
  id?: string;
  label?: string;
  config?: ProviderConfig;
}

/** promptfoo's count of tokens. */
export interface TokenUsage {
  prompt: number;
  completion: number;
  total: number;
  numRequests: number;
  completionDetails: { cacheReadInputTokens: number };
}

/** promptfoo's response. */
export interface ProviderResponse {
  output?: string;
  error?: string;
  tokenUsage?: TokenUsage;
  logProbs?: number[];
  latencyMs?: number;
  finishReason?: string;
}

/** A provider for promptfoo: `package:lunette/promptfoo:LunetteProvider`, or the default export of a file. */
export default class LunetteProvider {
  // promptfoo looks for names on a module's default export, if there is one.
  static readonly LunetteProvider = LunetteProvider;
  /** The assertion, where promptfoo looks for it beside the provider. */
  static readonly assertRubric = assertRubric;

  readonly label?: string;
  readonly config: ProviderConfig;
  readonly #id: string;
  readonly #model: Required<ModelConfig>;
  readonly #system: string | undefined;
  readonly #options: GenerateOptions;
  /** Whether the model was requested, and must be released. */
  #used = false;

  constructor({ id, label, config }: ProviderOptions = {}) {
    const given = object(config, "config");
    const { model, load, system, ...options } = given;
    // promptfoo adds the folder of the configuration.
    delete options["basePath"];
    this.#model = { model: text(model, "config.model"), load: object(load ?? {}, "config.load") };
    this.#system = system === undefined ? undefined : text(system, "config.system");
    this.#options = generateOptions(options, "config");
    this.#id = id ?? `lunette:${this.#model.model}`;
    this.config = given as unknown as ProviderConfig;
    if (label !== undefined) this.label = label;
  }

  /** The provider's name in promptfoo. */
  id(): string {
    return this.#id;
  }

  /** Answers a prompt: a text, or a conversation as JSON. */
  async callApi(
    prompt: string,
    _context?: unknown,
    options: { includeLogProbs?: boolean; abortSignal?: AbortSignal } = {},
  ): Promise<ProviderResponse> {
    try {
      const judge = await this.#judge();
      const generation = await judge.engine.generate(this.#messages(prompt), {
        ...this.#options,
        ...(options.includeLogProbs && { logprobs: true }),
        ...(options.abortSignal && { signal: options.abortSignal }),
      });
      return response(generation);
    } catch (error) {
      const code = codeOf(error);
      // promptfoo shows a returned error, but ends the evaluation on a thrown one.
      if (code === undefined || code === "aborted") throw error;
      return { error: `${code}: ${(error as Error).message}` };
    }
  }

  /** Frees the model once no other provider uses it. promptfoo calls this at the end of an evaluation. */
  async cleanup(): Promise<void> {
    if (!this.#used) return;
    this.#used = false;
    await release(this.#model.model, this.#model.load);
  }

  #judge() {
    const { model, load } = this.#model;
    if (this.#used) return judgeFor(model, load);
    this.#used = true;
    return retain(model, load);
  }

  #messages(prompt: string): ChatMessage[] {
    const said = conversation(prompt) ?? [{ role: "user", content: text(prompt, "prompt") }];
    return this.#system === undefined ? said : [{ role: "system", content: this.#system }, ...said];
  }
}

export { LunetteProvider };

/** promptfoo passes a conversation as a JSON array. Any other text is a question. */
function conversation(prompt: string): ChatMessage[] | undefined {
  if (!prompt.trimStart().startsWith("[")) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(prompt);
  } catch {
    return undefined;
  }
  const isMessage = (entry: unknown) => typeof entry === "object" && entry !== null && "role" in entry;
  if (!Array.isArray(value) || !value.every(isMessage)) return undefined;
  return checkPrompt(value, "prompt") as ChatMessage[];
}

function response({ text, usage, logprobs, timing, finishReason }: Generation): ProviderResponse {
  return {
    output: text,
    tokenUsage: tokens([usage]),
    latencyMs: Math.round(timing.totalMs),
    finishReason,
    ...(logprobs && { logProbs: [...logprobs] }),
  };
}

/** `config` of the assertion: one rubric, or several by their names. */
export interface AssertionConfig extends ModelConfig, Omit<JudgeOptions, "onToken" | "signal"> {
  rubric?: GradeRubric;
  rubrics?: Record<string, GradeRubric>;
  /** The lowest score that passes, from 0 to 1. Default 0.5. Of several rubrics, each must reach it. */
  threshold?: number;
  /** Names of the test's variables that hold the parts of the task. Default: the input is the rendered prompt. */
  vars?: { input?: string; reference?: string; context?: string };
}

/** The parts of promptfoo's assertion context that are used. */
export interface AssertionContext {
  prompt?: string | undefined;
  vars: Record<string, unknown>;
  config?: Record<string, unknown>;
}

/** A verdict, as promptfoo's results keep it. */
export interface GradeMetadata {
  choice: string;
  /** Of a scale: the expected score. */
  expected?: number;
  distribution: Record<string, number>;
  outside: number;
}

/** promptfoo's verdict. */
export interface GradingResult {
  pass: boolean;
  score: number;
  reason: string;
  namedScores?: Record<string, number>;
  componentResults?: GradingResult[];
  tokensUsed: TokenUsage;
  metadata?: GradeMetadata;
}

/**
 * An assertion for promptfoo: `type: javascript`, `value: package:lunette/promptfoo:assertRubric`, and the rubric under
 * `config`.
 *
 * @throws {LunetteError} so that promptfoo counts an error and not a failed response.
 */
export async function assertRubric(output: unknown, context: AssertionContext): Promise<GradingResult> {
  const config = object(context.config, "config");
  const { model, load, rubric, rubrics, threshold = 0.5, vars = {}, ...rest } = config;
  const options = judgeOptions(rest, "config");
  if (typeof threshold !== "number" || !(threshold >= 0 && threshold <= 1)) {
    throw wrong("config.threshold", "a number from 0 to 1", threshold);
  }
  if ((rubric === undefined) === (rubrics === undefined)) {
    throw new LunetteError("invalid-argument", "config must hold either a rubric or rubrics by their names.");
  }
  const measures = Object.entries(rubrics === undefined ? { rubric } : object(rubrics, "config.rubrics")).map(
    ([name, given]) => {
      const where = rubrics === undefined ? "config.rubric" : `config.rubrics.${name}`;
      return [name, gradeRubric(given, where)] as const;
    },
  );
  if (measures.length === 0) throw wrong("config.rubrics", "at least one rubric", rubrics);
  const subject = subjectIn(output, context, vars);
  const judge = await judgeFor(text(model, "config.model"), object(load ?? {}, "config.load"));
  // Judge them together: their prompts share a prefix.
  const grades = await Promise.all(
    measures.map(async ([name, measure]) => [name, await grade(judge, measure, subject, options)] as const),
  );
  const [[, first] = []] = grades;
  if (rubrics === undefined && first !== undefined) return verdict(first, threshold);
  return together(grades, threshold);
}

const variables = record<{ input?: string; reference?: string; context?: string }>({
  input: optional(text),
  reference: optional(text),
  context: optional(text),
});

function subjectIn(output: unknown, { prompt, vars }: AssertionContext, names: unknown) {
  const { input, reference, context } = variables(names, "config.vars");
  const of = (name: string | undefined) => {
    if (name === undefined) return [undefined, ""] as const;
    const value = vars[name];
    if (value === undefined) {
      throw new LunetteError("invalid-argument", `config.vars names ${name}, but the test has no such variable.`);
    }
    return [value, `vars.${name}`] as const;
  };
  return subjectOf({
    input: input === undefined ? [prompt, "prompt"] : of(input),
    response: [output, "output"],
    reference: of(reference),
    context: of(context),
  });
}

function verdict(grade: Grade, threshold: number): GradingResult {
  const { score, choice, expected, rationale, distribution, outside, usage } = grade;
  const likely = distribution[choice] ?? 0;
  return {
    pass: score >= threshold,
    score,
    reason: rationale ?? `The verdict is ${choice}, with a probability of ${likely.toFixed(2)}.`,
    tokensUsed: tokens([usage]),
    metadata: { choice, ...(expected !== undefined && { expected }), distribution, outside },
  };
}

function together(grades: readonly (readonly [string, Grade])[], threshold: number): GradingResult {
  const failed = grades.filter(([, { score }]) => score < threshold).map(([name]) => name);
  return {
    pass: failed.length === 0,
    score: grades.reduce((sum, [, { score }]) => sum + score, 0) / grades.length,
    reason: failed.length === 0 ? "All rubrics passed." : `Below ${threshold}: ${failed.join(", ")}.`,
    namedScores: Object.fromEntries(grades.map(([name, { score }]) => [name, score])),
    componentResults: grades.map(([, grade]) => verdict(grade, threshold)),
    tokensUsed: tokens(grades.map(([, { usage }]) => usage)),
  };
}

function tokens(usages: readonly Usage[]): TokenUsage {
  const sum = (of: (usage: Usage) => number) => usages.reduce((total, usage) => total + of(usage), 0);
  const prompt = sum(({ promptTokens }) => promptTokens);
  const completion = sum(({ completionTokens }) => completionTokens);
  return {
    prompt,
    completion,
    total: prompt + completion,
    numRequests: usages.length,
    completionDetails: { cacheReadInputTokens: sum(({ cachedTokens }) => cachedTokens) },
  };
}
