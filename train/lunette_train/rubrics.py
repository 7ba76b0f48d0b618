"""Rubrics of our own, several for each kind of question. See rubrics.yaml."""

from __future__ import annotations

import random
from functools import cache
from importlib import resources

import yaml


@cache
def _all() -> dict[str, list]:
    return yaml.safe_load(resources.files(__package__).joinpath("rubrics.yaml").read_text(encoding="utf-8"))


def pick(kind: str, seed: str) -> object:
    """One of the rubrics of a kind. The same seed has the same rubric on every machine."""
    return random.Random(seed).choice(_all()[kind])


def fixed(kind: str) -> object:
    """The rubric of a dev set, in words that no training row has."""
    return _all()["dev"][kind]


def labelled(kind: str, seed: str, good: bool) -> tuple[dict, dict[str, float]]:
    """One of the rubrics of two labels, these in an order drawn by the seed, and the labels of a good or a bad response."""
    rubric = pick(kind, seed)
    label = list(rubric["labels"])[0 if good else 1]
    order = list(rubric["labels"].items())
    random.Random(f"order {seed}").shuffle(order)
    return {"objective": rubric["objective"], "labels": dict(order)}, distribution([label])


def rescale(scale: dict[int, str], labels: dict[str, float], levels: int) -> tuple[dict[int, str], dict[str, float]]:
    """A scale of 1 to 5 as one of 1 to 3, or of 0 to 10, and the labels on it.

    1 to 3 keeps the descriptions of 1, 3 and 5; 2 goes to 1 and 4 to 3 by halves. 0 to 10 describes every level by the
    nearest of the five: level s of 1 to 5 lies at 2.5 (s - 1), and a half goes to both of its neighbours.
    """
    if levels == 3:
        share = {1: {1: 1.0}, 2: {1: 0.5, 2: 0.5}, 3: {2: 1.0}, 4: {2: 0.5, 3: 0.5}, 5: {3: 1.0}}
        described = {1: scale[1], 2: scale[3], 3: scale[5]}
    elif levels == 11:
        share = {1: {0: 1.0}, 2: {2: 0.5, 3: 0.5}, 3: {5: 1.0}, 4: {7: 0.5, 8: 0.5}, 5: {10: 1.0}}
        described = {level: scale[round(1 + level * 0.4)] for level in range(11)}
    else:
        raise ValueError(f"there is no scale of {levels} levels")
    moved: dict[str, float] = {}
    for label, weight in labels.items():
        for level, part in share[int(label)].items():
            moved[str(level)] = moved.get(str(level), 0.0) + weight * part
    return described, moved


def distribution(votes: list[str]) -> dict[str, float]:
    """The share of each label among the votes."""
    return {label: votes.count(label) / len(votes) for label in sorted(set(votes))}
