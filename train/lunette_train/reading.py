"""The distribution over a row's labels by PyTorch, as the engine reads it: all ways to write each label, summed."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from tqdm import tqdm

from .model import log_probabilities
from .packing import Pack
from .prompts import POINTWISE, Book, Rendered


def read(model: torch.nn.Module, book: Book, budget: int = 2048) -> Iterator[tuple[Rendered, list[dict[str, float]]]]:
    """Of each row one distribution for each of its prompts, by the row's own labels. What is missing to 1 lies outside.

    `budget` is the most tokens of a pack; a longer row is one by itself.
    """
    model.eval()
    with tqdm(total=len(book.rows), desc="reading", unit="row", smoothing=0.05) as bar:
        for rows in batches(book, budget):
            yield from _read(model, book, rows)
            bar.update(len(rows))


def batches(book: Book, budget: int) -> Iterator[list[Rendered]]:
    """Rows that are read together. Those of one task share the most, so these stand together."""
    for task in ("score", "classify", "compare"):
        pack, rows = Pack(), []
        for row in (row for row in book.rows if row.task == task):
            if rows and len(pack) + sum(pack.cost(prompt.tokens) for prompt in row.prompts) > budget:
                yield rows
                pack, rows = Pack(), []
            for prompt in row.prompts:
                pack.add(prompt.tokens)
            rows.append(row)
        if rows:
            yield rows


def _read(model: torch.nn.Module, book: Book, rows: list[Rendered]) -> list[tuple[Rendered, list[dict[str, float]]]]:
    pack, ways = Pack(), []
    for row in rows:
        for number, prompt in enumerate(row.prompts):
            for label, name in zip(POINTWISE if row.pointwise else row.labels, row.names(prompt)):
                for path in book.spellings[name]:
                    places = pack.add([*prompt.tokens, *path])[len(prompt.tokens) - 1 :]
                    ways.append((row, number, label, path, places))
    # The last token of a label is predicted, and nothing behind it is asked for but where one label begins another.
    keep = sorted({place for *_, places in ways for place in places})
    at = {place: i for i, place in enumerate(keep)}
    logs = log_probabilities(model, pack, keep)
    found = {(row.id, number): dict.fromkeys(POINTWISE if row.pointwise else row.labels, 0.0) for row, number, *_ in ways}
    for row, number, label, path, places in ways:
        log = sum(float(logs[at[place], token]) for place, token in zip(places, path))
        going_on = {
            other[len(path)]
            for _, same, _, other, _ in (way for way in ways if way[0] is row)
            if same == number and len(other) > len(path) and other[: len(path)] == path
        }
        rest = 1.0 - sum(float(logs[at[places[-1]], token].exp()) for token in going_on)
        found[row.id, number][label] += float(torch.tensor(log, dtype=torch.float64).exp()) * max(rest, 0.0)
    each = [(row, [found[row.id, number] for number in range(len(row.prompts))]) for row in rows]
    return [(row, [of_pair(*two)] if row.pointwise else two) for row, two in each]


def of_pair(a: dict[str, float], b: dict[str, float]) -> dict[str, float]:
    """What two single readings say of a pair: its log odds are the difference of theirs."""
    u, v = (math.log(x["Good"] + 1e-12) - math.log(x["Poor"] + 1e-12) for x in (a, b))
    inside = (sum(a.values()) + sum(b.values())) / 2
    first = 1 / (1 + math.exp(min(v - u, 500)))
    return {"a": first * inside, "b": (1 - first) * inside}
