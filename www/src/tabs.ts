import type { Component } from "svelte";
import ClassifyTab from "./bench/ClassifyTab.svelte";
import CompareTab from "./bench/CompareTab.svelte";
import EvaluateTab from "./bench/EvaluateTab.svelte";
import RankTab from "./bench/RankTab.svelte";
import RewardTab from "./bench/RewardTab.svelte";
import ScoreTab from "./bench/ScoreTab.svelte";
import type { View } from "./data/setup";
import type { Bench } from "./state/bench.svelte";

interface Listed {
  id: View;
  name: string;
  view: Component<{ bench: Bench }>;
}

/** The tabs in their order. */
export const TABS: Listed[] = [
  { id: "score", name: "Score", view: ScoreTab },
  { id: "classify", name: "Classify", view: ClassifyTab },
  { id: "compare", name: "Compare", view: CompareTab },
  { id: "rank", name: "Rank", view: RankTab },
  { id: "reward", name: "Reward", view: RewardTab },
  { id: "evaluate", name: "Evaluate", view: EvaluateTab },
];
