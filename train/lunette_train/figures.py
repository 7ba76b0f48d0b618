"""Figures over verdicts: agreement with people, intervals, trivial baselines, flips, calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from sklearn.metrics import roc_auc_score

from .row import Row

RESAMPLES = 2000
BINS = 10


@dataclass
class Judged:
    """A row with what the judge said: for each of its prompts the probability of each of the row's labels."""

    row: Row
    orders: list[dict[str, float]]

    @cached_property
    def mean(self) -> dict[str, float]:
        """The mean over the orders of what each says among the labels."""
        shares = [{label: p / sum(order.values()) for label, p in order.items()} for order in self.orders]
        return {label: sum(share[label] for share in shares) / len(shares) for label in shares[0]}

    @cached_property
    def outside(self) -> float:
        return float(np.mean([max(1 - sum(order.values()), 0.0) for order in self.orders]))

    @cached_property
    def agrees(self) -> float:
        """1 where the likeliest label is people's; a half where both are equally likely."""
        mean = self.mean
        best, top = max(mean.values()), max(self.row.labels.values())
        likeliest = [label for label, p in mean.items() if p == best]
        return sum(self.row.labels.get(label, 0.0) == top for label in likeliest) / len(likeliest)

    @cached_property
    def flips(self) -> bool:
        """Whether two orders name different winners."""
        return len({max(order, key=order.get) for order in self.orders}) > 1

    @cached_property
    def expected(self) -> float:
        return sum(float(label) * p for label, p in self.mean.items())

    @cached_property
    def truth(self) -> float:
        """People's mean score, or whether the response is good, or whether a is better."""
        if self.row.task == "score":
            return sum(float(label) * share for label, share in self.row.labels.items())
        return float(self.row.labels["a"] > 0.5 if self.row.task == "compare" else bool(self.row.good))

    @cached_property
    def good(self) -> float:
        """The probability that the judge gives to the label for a good response, or to a."""
        if self.row.task == "compare":
            return self.mean["a"]
        [human] = self.row.labels
        p = self.mean[human]
        return p if self.row.good else 1 - p

    @cached_property
    def length(self) -> float:
        """What a judge that counts characters would say: of a pair, how much longer a is."""
        if self.row.task == "compare":
            return math.log((1 + len(self.row.responseA)) / (1 + len(self.row.responseB)))
        return math.log1p(len(self.row.response))


@dataclass
class Figure:
    name: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}]"


def accuracy(judged: Sequence[Judged]) -> float:
    return float(np.mean([one.agrees for one in judged]))


def longer_wins(judged: Sequence[Judged]) -> float:
    right = [(one.length > 0) == (one.truth > 0.5) if one.length else 0.5 for one in judged]
    return float(np.mean(right))


def auroc(score: Callable[[Judged], float]) -> Callable[[Sequence[Judged]], float]:
    def of(judged: Sequence[Judged]) -> float:
        truth = [one.truth for one in judged]
        return float(roc_auc_score(truth, [score(one) for one in judged])) if len(set(truth)) == 2 else math.nan

    return of


def pearson(score: Callable[[Judged], float]) -> Callable[[Sequence[Judged]], float]:
    def of(judged: Sequence[Judged]) -> float:
        x, y = np.array([score(one) for one in judged]), np.array([one.truth for one in judged])
        return float(np.corrcoef(x, y)[0, 1]) if len(x) > 1 and x.std() > 0 and y.std() > 0 else math.nan

    return of


def ece(judged: Sequence[Judged]) -> float:
    """Expected calibration error of the likeliest label, in ten bins of equal width."""
    sure = np.array([max(one.mean.values()) for one in judged])
    right = np.array([one.agrees for one in judged])
    bins = np.minimum((sure * BINS).astype(int), BINS - 1)
    return float(sum(abs(sure[bins == b].mean() - right[bins == b].mean()) * np.mean(bins == b) for b in set(bins)))


# What a set is measured by, and what says the same of length alone.
MAIN = {
    "compare": ("accuracy", accuracy, "longer wins", longer_wins),
    "classify": ("AUROC", auroc(lambda one: one.good), "AUROC of length", auroc(lambda one: one.length)),
    "score": ("Pearson r", pearson(lambda one: one.expected), "r of length", pearson(lambda one: one.length)),
}


def interval(measure: Callable[[Sequence[Judged]], float], judged: Sequence[Judged], seed: int) -> tuple[float, float]:
    """95%, by the bootstrap over rows."""
    draw = np.random.default_rng(seed)
    values = [measure([judged[i] for i in draw.integers(len(judged), size=len(judged))]) for _ in range(RESAMPLES)]
    return tuple(np.nanquantile(values, [0.025, 0.975]))


def difference(
    measure: Callable[[Sequence[Judged]], float], ours: Sequence[Judged], theirs: Sequence[Judged], seed: int
) -> Figure:
    """How much better ours is on the same rows, with a paired bootstrap over these."""
    draw = np.random.default_rng(seed)
    values = []
    for _ in range(RESAMPLES):
        rows = draw.integers(len(ours), size=len(ours))
        values.append(measure([ours[i] for i in rows]) - measure([theirs[i] for i in rows]))
    return Figure("difference", measure(ours) - measure(theirs), *np.nanquantile(values, [0.025, 0.975]))


def majority(judged: Sequence[Judged]) -> float:
    """How often one who always gives the commonest label is right; of a pair, the commonest place."""
    truth = np.array([one.truth for one in judged])
    return float(max(truth.mean(), 1 - truth.mean()))


def summary(judged: Sequence[Judged], seed: int) -> dict:
    """All figures of a set, whose rows are of one task."""
    task = judged[0].row.task
    name, measure, trivial, of_length = MAIN[task]
    low, high = interval(measure, judged, seed)
    found = {
        "n": len(judged), "figure": name, "value": measure(judged), "low": low, "high": high,
        "trivial": trivial, "trivial_value": of_length(judged), "outside": float(np.mean([one.outside for one in judged])),
    }  # fmt: skip
    if task != "score":
        found |= {"accuracy": accuracy(judged), "majority": majority(judged), "ece": ece(judged)}
    if task == "compare":
        found |= {
            "flips": float(np.mean([one.flips for one in judged])),
            "longer_chosen": float(np.mean([(one.length > 0) == (one.good > 0.5) for one in judged if one.length])),
        }
    return found
