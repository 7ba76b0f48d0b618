import type { Figure, Metric, Section } from "lunette";
import { nameOf } from "./answers";

/** The names of figures, those first that say most. */
export const METRICS: Record<Metric, string> = {
  accuracy: "Exact agreement",
  meanAbsoluteError: "Mean absolute error",
  rootMeanSquaredError: "Root mean squared error",
  bias: "Bias",
  spearman: "Spearman’s ρ",
  pearson: "Pearson’s r",
  kendall: "Kendall’s τ",
  kappa: "Cohen’s κ",
  linearKappa: "κ, linear weights",
  quadraticKappa: "κ, quadratic weights",
  balancedAccuracy: "Balanced accuracy",
  macroF1: "Macro F1",
  accuracyWithoutTies: "Agreement without ties",
  accuracyHalfTies: "Agreement, ties as half",
  positionConsistency: "Same winner in both orders",
  nominalAlpha: "Krippendorff’s α, nominal",
  ordinalAlpha: "Krippendorff’s α, ordinal",
  intervalAlpha: "Krippendorff’s α, interval",
  auroc: "AUROC",
  brier: "Brier score",
  calibrationError: "Calibration error",
};

const SHARES: Metric[] = [
  "accuracy",
  "balancedAccuracy",
  "accuracyWithoutTies",
  "accuracyHalfTies",
  "positionConsistency",
];

/** A figure's value, as a share or with two decimals. */
export function valueOf(metric: Metric, value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  if (SHARES.includes(metric)) return `${Math.round(100 * value)}%`;
  const digits = value.toFixed(2);
  return Number(digits) === 0 ? "0.00" : digits.replace("-", "−");
}

export function rangeOf({ metric, interval }: Pick<Figure, "metric" | "interval">): string {
  return interval ? `[${valueOf(metric, interval.low)}, ${valueOf(metric, interval.high)}]` : "";
}

export const figureOf = (section: Section, metric: Metric): Figure | undefined =>
  section.figures.find((figure) => figure.metric === metric);

export const baselineOf = (figure: Figure, name: Figure["baselines"][number]["name"]): number | null | undefined =>
  figure.baselines.find((baseline) => baseline.name === name)?.value;

/** How far the judge agrees, in sentences: the figure that matters, what needs no judge, what people reach. */
export function sentences(section: Section, confidence: number): string[] {
  const { compared } = section.counts;
  if (compared === 0) return ["No row has both a verdict and a label that people agree on yet."];
  return [agreement(section), error(section), ranking(section), people(section, confidence)].filter(
    (sentence) => sentence !== undefined,
  );
}

function agreement(section: Section): string | undefined {
  const figure = figureOf(section, "accuracy");
  if (figure?.value == null) return undefined;
  const most = [...section.labels].sort((a, b) => b.human - a.human)[0]?.label;
  const majority = baselineOf(figure, "majority");
  const always =
    majority == null || most === undefined
      ? ""
      : `; always saying “${nameOf(most)}” would agree in ${valueOf("accuracy", majority)}`;
  return `Agrees with people in ${withRange(figure)} of ${section.counts.compared} rows${always}.`;
}

function error(section: Section): string | undefined {
  const figure = figureOf(section, "meanAbsoluteError");
  if (figure?.value == null) return undefined;
  const constant = baselineOf(figure, "constant");
  const mean = constant == null ? "" : `; always saying the mean would be off by ${valueOf(figure.metric, constant)}`;
  return `The expected score is off by ${withRange(figure)} points${mean}.`;
}

function ranking(section: Section): string | undefined {
  const figure = figureOf(section, section.task === "score" ? "spearman" : "kappa");
  if (figure?.value == null) return undefined;
  if (section.task === "score") return `It orders responses as people do with ρ = ${withRange(figure)}; 0 is chance.`;
  return `Beyond chance, that is κ = ${withRange(figure)}.`;
}

function people({ figures, raters }: Section, confidence: number): string {
  const range = `Ranges hold the true value in ${Math.round(100 * confidence)} of 100 cases.`;
  const ceiling = figures.find(({ metric }) => metric === "accuracy")?.ceiling;
  if (ceiling != null)
    return `People agree with each other in ${valueOf("accuracy", ceiling)}: no judge can be held to more. ${range}`;
  return raters.raters > 1 ? range : `One person labelled: how far people agree is not known. ${range}`;
}

const withRange = (figure: Figure): string => `${valueOf(figure.metric, figure.value)} ${rangeOf(figure)}`.trim();
