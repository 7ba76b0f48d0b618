"""What can be told of a label by looks alone, and rows left out until nothing can.

A judge learns whatever separates good from bad most easily. In LLMBar's adversarial pairs the shorter response wins 87% of
the time; a judge trained on them as they are prefers what is short. So within each source a linear classifier on surface
features is cross-validated, and the rows that it is surest of, and right about, go, until it is no better than chance
(adversarial filtering, as in AFLite: Le Bras et al. 2020, arXiv 2002.04108).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .row import Row

_REFUSAL = re.compile(
    r"\b(i can(?:no|')t|i'm sorry|i am sorry|as an ai|i won't|i'm not (?:able|going)|not comfortable|unable to)\b", re.I
)
_COUNTS = {
    "markdown": re.compile(r"\*\*|^#+ |^\s*[-*] |`", re.M),
    "list items": re.compile(r"^\s*(?:\d+[.)]|[-*•]) ", re.M),
    "lines": re.compile(r"\n"),
    "digits": re.compile(r"\d"),
    "capitals": re.compile(r"[A-Z]"),
    "questions": re.compile(r"\?"),
    "exclamations": re.compile(r"!"),
    "commas": re.compile(r","),
}
NAMES = ["log words", "log characters", "refusal", "first person", "shared with input", *_COUNTS]
_FIRST = re.compile(r"\bi\b|\bmy\b", re.I)
FOLDS = 5


def features(row: Row, response: str) -> list[float]:
    """Surface features of one response. None of them knows what it means."""
    words = re.findall(r"\w+", response.lower())
    shared = lambda text: len(set(words) & set(re.findall(r"\w+", (text or "").lower()))) / (len(set(words)) or 1)
    return [
        math.log1p(len(words)),
        math.log1p(len(response)),
        float(bool(_REFUSAL.search(response))),
        math.log1p(len(_FIRST.findall(response))),
        # Words shared with a context are no mere look: groundedness is about them.
        shared(row.input),
        *(math.log1p(len(pattern.findall(response))) for pattern in _COUNTS.values()),
    ]


def matrix(rows: list[Row]) -> tuple[np.ndarray, np.ndarray]:
    """Features, and whether each row is of the class `good`.

    Of a pair the differences, so that the sign of each feature is that of the response a.
    """
    x = [
        np.subtract(features(row, row.responseA), features(row, row.responseB))
        if row.task == "compare"
        else np.array(features(row, row.response))
        for row in rows
    ]
    return np.array(x), np.array([good(row) for row in rows])


def good(row: Row) -> bool:
    """Which of two classes a row is in: a pair whose first response is better, a score in the upper part of its scale, a
    label for a good response."""
    if row.task == "compare":
        return row.labels["a"] > 0.5
    if row.task == "score":
        mean = sum(int(level) * share for level, share in row.labels.items())
        levels = [int(level) for level in row.rubric["scale"]]
        return mean > (min(levels) + max(levels)) / 2 + 0.25 * (max(levels) - min(levels))
    return row.good


@dataclass
class Report:
    """How well surface features tell the labels: cross-validated accuracy, beside the majority's."""

    rows: int
    accuracy: float
    majority: float
    # Of pairs: how often the longer response is the better one.
    longer_wins: float | None

    @property
    def margin(self) -> float:
        """Half the 95% interval of a proportion of chance."""
        return 1.96 * math.sqrt(0.25 / max(self.rows, 1))

    @property
    def by_chance(self) -> bool:
        return self.accuracy <= self.majority + self.margin


def predict(x: np.ndarray, y: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Cross-validated probability of `good`; rows of one group are in one fold."""
    names = np.unique(groups)
    p = np.full(len(y), y.mean() if len(y) else 0.5)
    if len(names) < FOLDS:
        return p
    for train, test in KFold(FOLDS, shuffle=True, random_state=seed).split(names):
        here, there = np.isin(groups, names[train]), np.isin(groups, names[test])
        if len(set(y[here])) < 2:
            continue
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        model.fit(x[here], y[here])
        p[there] = model.predict_proba(x[there])[:, 1]
    return p


def report(rows: list[Row], seed: int = 0) -> Report:
    rows = [row for row in rows if not is_tie(row)]
    x, y = matrix(rows)
    groups = np.array([row.group for row in rows])
    p = predict(x, y, groups, seed)
    pairs = [row for row in rows if row.task == "compare"]
    longer = [longer_wins(row) for row in pairs]
    return Report(
        rows=len(rows),
        accuracy=float(np.mean((p > 0.5) == y)) if len(rows) else 0.0,
        majority=float(max(y.mean(), 1 - y.mean())) if len(rows) else 0.0,
        longer_wins=sum(longer) / len(longer) if longer else None,
    )


def balance(rows: list[Row], seed: int, least: float = 0.4) -> list[Row]:
    """The rows of a source without those that looks alone give away.

    Classes are made equal in number; of pairs also the wins of the longer and of the shorter response. Then, round by
    round, the twentieth of the rows goes that the classifier is right about with the greatest certainty, until its
    accuracy is within chance, or `least` of the rows are left.
    """
    ties = [row for row in rows if is_tie(row)]
    kept = _even([row for row in rows if not is_tie(row)], seed)
    floor = max(int(len(kept) * least), 2 * FOLDS)
    for round in range(60):
        if len(kept) <= floor:
            break
        x, y = matrix(kept)
        groups = np.array([row.group for row in kept])
        p = predict(x, y, groups, seed + round)
        accuracy = np.mean((p > 0.5) == y)
        if accuracy <= 0.5 + 0.98 / math.sqrt(len(kept)) / 2:
            break
        certainty = np.where((p > 0.5) == y, np.abs(p - 0.5), -1)
        drop = set(np.argsort(-certainty)[: max(1, len(kept) // 20)])
        kept = _even([row for i, row in enumerate(kept) if i not in drop], seed)
    return kept + ties


def is_tie(row: Row) -> bool:
    return row.task == "compare" and row.labels["a"] == 0.5


def _even(rows: list[Row], seed: int) -> list[Row]:
    """As many of one class as of the other. Of pairs: as many that the longer response wins as that the shorter does, among
    those of like difference in length."""
    if not rows or rows[0].task != "compare":
        return _drop_surplus(rows, [good(row) for row in rows], seed)
    gaps = np.array([abs(math.log((1 + len(row.responseA)) / (1 + len(row.responseB)))) for row in rows])
    edges = np.quantile(gaps, np.linspace(0, 1, 6)[1:-1])
    kept = []
    for place in range(5):
        here = [row for row, at in zip(rows, np.searchsorted(edges, gaps)) if at == place]
        kept += _drop_surplus(here, [longer_wins(row) for row in here], seed + place)
    order = {row.id: i for i, row in enumerate(rows)}
    return sorted(kept, key=lambda row: order[row.id])


def longer_wins(row: Row) -> bool:
    return (len(row.responseA) > len(row.responseB)) == (row.labels["a"] > 0.5)


def _drop_surplus(rows: list[Row], classes: list[bool], seed: int) -> list[Row]:
    """As many rows of one class as of the other, those that go drawn at random."""
    y = np.array(classes, dtype=bool)
    more = y.sum() * 2 > len(y)
    surplus = int(abs(2 * y.sum() - len(y)))
    gone = set(np.random.default_rng(seed).permutation(np.flatnonzero(y == more))[:surplus])
    return [row for i, row in enumerate(rows) if i not in gone]
