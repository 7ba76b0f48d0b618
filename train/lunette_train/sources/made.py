"""Rows made of other train rows, whose better side is known without a rater.

A small model has first to learn what is asked of it: to hold a response against its input. Whether a response answers this
input or another one, or is whole or cut off, needs no opinion, and is never in doubt.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ..row import Row
from ..rubrics import labelled, pick
from ..shortcuts import features
from . import judgements, pairs, solutions
from .pairs import pair

_WORD = re.compile(r"\w+")
# Lengths of two responses that count as alike: neither more than this many times the other.
ALIKE = 1.25


def elsewhere(data: Path) -> Iterator[Row]:
    """A response beside one to another input, which looks as much like it as any; the same two asked for one by
    one, by labels and by scores."""
    for source, rows in _answered(data).items():
        for row in rows:
            other = _stranger(row, rows)
            if not other:
                continue
            key, more = row.id, {"license": row.license, "group": row.group}
            yield pair("elsewhere", key, row.input, _best(row), other, "preference", **more)
            right = random.Random(f"elsewhere {key}").random() < 0.5
            response = _best(row) if right else other
            rubric, labels = labelled("answers", key, right)
            yield Row(
                id=f"elsewhere-class/{key}", source="elsewhere-class", task="classify", input=row.input,
                response=response, rubric=rubric, labels=labels, good=right, **more,
            )  # fmt: skip
            yield Row(
                id=f"elsewhere-score/{key}", source="elsewhere-score", task="score", input=row.input,
                response=response, rubric=pick("helpful", key), labels={"4": 0.4, "5": 0.6} if right else {"1": 1.0},
                **more,
            )  # fmt: skip


def damaged(data: Path) -> Iterator[Row]:
    """A response beside itself with the end cut off, or with a part said again: the shorter loses as often as the longer."""
    for rows in _answered(data).values():
        for row in rows:
            best, draw = _best(row), random.Random(f"damaged {row.id}")
            words = best.split(" ")
            if len(words) < 30:
                continue
            at = draw.randint(len(words) // 3, 2 * len(words) // 3)
            if draw.random() < 0.5:
                worse = " ".join(words[:at])
            else:
                worse = " ".join([*words[:at], *words[max(at - 25, 0) : at], *words[max(at - 25, 0) :]])
            more = {"license": row.license, "group": row.group}
            yield pair("damaged", row.id, row.input, best, worse, "preference", **more)


def begin_pairs(data: Path) -> Iterator[Row]:
    """Of BEGIN two replies to one passage, of which one rests on it."""
    by_passage = defaultdict(list)
    for row in judgements.begin(data):
        by_passage[row.context].append(row)
    for passage, rows in by_passage.items():
        for i, (good, bad) in enumerate(zip(*_sides(rows, lambda row: row.good))):
            yield pair(
                "begin-pairs", f"{good.id}-{i}", good.input, good.response, bad.response, "grounded_pair",
                license=good.license, group=good.group, context=passage,
            )  # fmt: skip


def graded(data: Path) -> Iterator[Row]:
    """Sets of two labels asked for as scores: what is right has the two upper levels, what is wrong the two lower ones."""
    kinds = {"halueval": "factual", "begin": "support", "gsm8k-class": "reasoning", "truthfulqa-class": "factual"}
    for rows in (judgements.halueval, judgements.begin, solutions.gsm8k, pairs.truthfulqa):
        for row in rows(data):
            if row.source in kinds and random.Random(f"graded {row.id}").random() < 0.4:
                yield Row(
                    id=f"graded/{row.id}", source=f"graded-{row.source}", license=row.license, group=row.group,
                    task="score", input=row.input, response=row.response, context=row.context, reference=row.reference,
                    rubric=pick(kinds[row.source], row.id),
                    labels={"4": 0.4, "5": 0.6} if row.good else {"1": 0.4, "2": 0.6},
                )  # fmt: skip


def _answered(data: Path, most: int = 500) -> dict[str, list[Row]]:
    """By source, rows with a response that is good for certain."""
    sources: dict[str, Iterable[Row]] = {
        "pandalm": pairs.pandalm(data), "llmbar": pairs.llmbar(data), "halueval": judgements.halueval(data),
        "truthfulqa": pairs.truthfulqa(data), "gsm8k": solutions.gsm8k(data),
    }  # fmt: skip
    out = {}
    for name, rows in sources.items():
        # One row of a group.
        sure = {row.group: row for row in rows if row.good or (row.task == "compare" and max(row.labels.values()) > 0.8)}
        found = [row for row in sure.values() if len(_WORD.findall(_best(row))) >= 4]
        out[name] = random.Random(f"answered {name}").sample(found, min(most, len(found)))
    return out


def _best(row: Row) -> str:
    if row.task != "compare":
        return row.response
    return row.responseA if row.labels["a"] > 0.5 else row.responseB


def _stranger(row: Row, rows: list[Row]) -> str | None:
    """The response to another input that looks most like the row's own."""
    own = _best(row)
    looks = lambda text: np.array(features(row, text))
    others = {_best(other) for other in rows if other.group != row.group and _alike(_best(other), own)} - {own}
    return min(sorted(others), key=lambda text: np.abs(looks(text) - looks(own)).sum(), default=None)


def _alike(one: str, other: str) -> bool:
    short, long = sorted((len(one), len(other)))
    return long <= ALIKE * short


def _sides(rows: list[Row], side: Callable[[Row], bool]) -> tuple[list[Row], list[Row]]:
    return [row for row in rows if side(row)], [row for row in rows if not side(row)]
