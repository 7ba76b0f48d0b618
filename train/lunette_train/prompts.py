"""Rendered rows in one file: tokens of prompts, what people said, and how each label is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np


# What `lunette` calls a response that is read alone, the better one first.
POINTWISE = ("Good", "Poor")


@dataclass
class Prompt:
    """One reading of a row, up to where the verdict stands."""

    # Of a pair with its responses swapped.
    swapped: bool
    tokens: np.ndarray
    # Of a pair: the places where its first and its second response end.
    ends: list[int] | None = None

    def own(self, label: str) -> str:
        """What this prompt calls a label of the row."""
        if label not in ("a", "b"):
            return label
        return "B" if (label == "b") != self.swapped else "A"


@dataclass
class Rendered:
    """A row with all of its prompts."""

    id: str
    source: str
    group: str
    task: str
    # Every label of the rubric with its probability, zeros too.
    labels: dict[str, float]
    prompts: list[Prompt]
    # Of a pair: whether its prompts hold one response each, a and then b, and ask for one of `POINTWISE`.
    pointwise: bool = False
    # The same for rows whose prompts begin alike.
    kind: str = ""

    def names(self, prompt: Prompt) -> list[str]:
        """What this prompt calls the labels that it asks for."""
        return list(POINTWISE) if self.pointwise else [prompt.own(label) for label in self.labels]

    def __len__(self) -> int:
        return sum(len(prompt.tokens) for prompt in self.prompts)


@dataclass
class Book:
    """All rendered rows for one vocabulary and template."""

    rows: list[Rendered]
    # Of each label as a prompt calls it the ways to write it, the usual one first.
    spellings: dict[str, list[list[int]]]
    # The token that ends a turn.
    end: int
    about: dict

    def save(self, path: Path) -> None:
        """One .npz: tokens of all prompts in a row, where each begins, and the rest as JSON. There whole or not at all."""
        prompts = [prompt for row in self.rows for prompt in row.prompts]
        tokens = np.concatenate([prompt.tokens for prompt in prompts]) if prompts else np.zeros(0)
        head = {
            "about": self.about, "spellings": self.spellings, "end": self.end,
            "rows": [
                {
                    "id": row.id, "source": row.source, "group": row.group, "task": row.task, "labels": row.labels,
                    "pointwise": row.pointwise, "kind": row.kind,
                    "swapped": [prompt.swapped for prompt in row.prompts], "ends": [prompt.ends for prompt in row.prompts],
                }
                for row in self.rows
            ],
        }  # fmt: skip
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.npz")
        np.savez_compressed(
            part, tokens=tokens.astype(np.int32),
            starts=np.cumsum([0, *(len(prompt.tokens) for prompt in prompts)]).astype(np.int64),
            head=np.frombuffer(json.dumps(head, ensure_ascii=False).encode(), dtype=np.uint8),
        )  # fmt: skip
        part.replace(path)

    @staticmethod
    def load(path: Path) -> Book:
        with np.load(path) as file:
            tokens, starts, head = file["tokens"], file["starts"], json.loads(file["head"].tobytes())
        pieces = (tokens[start:end] for start, end in zip(starts, starts[1:]))
        return Book(list(_rows(head["rows"], pieces)), head["spellings"], head["end"], head["about"])


def _rows(heads: list[dict], pieces: Iterator[np.ndarray]) -> Iterator[Rendered]:
    for head in heads:
        swapped, ends = head.pop("swapped"), head.pop("ends")
        yield Rendered(**head, prompts=[Prompt(swap, next(pieces), end) for swap, end in zip(swapped, ends)])
