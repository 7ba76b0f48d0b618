"""What the model shall predict behind a prompt: the verdict's tokens, with the raters' shares as probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass
class Verdict:
    """One way to write a verdict, and the distribution of the next token before each of its tokens and behind the last."""

    path: list[int]
    # For each place from the marker on: token → probability.
    next: list[dict[int, float]]


def usual(spellings: Mapping[str, list[list[int]]], label: str) -> list[int]:
    return spellings[label][0]


def verdict(labels: Mapping[str, float], drawn: str, spellings: Mapping[str, list[list[int]]], end: int) -> Verdict:
    """The tokens of the label `drawn`; at each place the share of every label that goes on from there.

    In expectation over draws by `labels` this is the cross entropy of the whole distribution, also where one label begins
    another, as "1" begins "10".
    """
    path = usual(spellings, drawn)
    places = []
    for place in range(len(path) + 1):
        going: dict[int, float] = {}
        for label, share in labels.items():
            tokens = [*usual(spellings, label), end]
            if share > 0 and tokens[:place] == path[:place]:
                going[tokens[place]] = going.get(tokens[place], 0.0) + share
        total = sum(going.values())
        places.append({token: share / total for token, share in going.items()})
    return Verdict(path, places)


def fork(labels: list[str], spellings: Mapping[str, list[list[int]]]) -> tuple[int, list[int]]:
    """Where the labels part: how many tokens all of them begin with, and each label's token behind these.

    Numbers of several digits may have the first one in common; they count together there.
    """
    paths = [usual(spellings, label) for label in labels]
    shared = 0
    while all(len(path) > shared + 1 and path[shared] == paths[0][shared] for path in paths):
        shared += 1
    return shared, [path[shared] for path in paths]
