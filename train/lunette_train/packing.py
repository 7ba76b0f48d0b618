"""Many token sequences as one, in which what they begin with alike is computed once.

Prompts of one template share hundreds of tokens, and the two orders of a pair share the instruction too. The sequences make
a tree; a token attends to its ancestors alone, and has the position that it has in its own sequence. So each sequence gets
what it would get by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Places from `start` to before `end`, each the child of the one before it."""

    start: int
    end: int
    before: list[tuple[int, int]]
    """Spans of places, start and end, that come before the run in its sequence."""


class Pack:
    def __init__(self) -> None:
        self.ids: list[int] = []
        self.parents: list[int] = []
        self.positions: list[int] = []
        self._children: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def cost(self, tokens: Sequence[int]) -> int:
        """How many tokens the pack would grow by."""
        at = -1
        for shared, token in enumerate(tokens):
            at = self._children.get((at, int(token)), None)
            if at is None:
                return len(tokens) - shared
        return 0

    def add(self, tokens: Sequence[int]) -> list[int]:
        """The place in the pack of each token of the sequence."""
        at, places = -1, []
        for position, token in enumerate(map(int, tokens)):
            found = self._children.get((at, token))
            if found is None:
                found = len(self.ids)
                self._children[at, token] = found
                self.ids.append(token)
                self.parents.append(at)
                self.positions.append(position)
            at = found
            places.append(at)
        return places

    def runs(self) -> list[Run]:
        """All places in order, in the longest runs."""
        starts = [place for place, parent in enumerate(self.parents) if parent != place - 1 or place == 0]
        ends = [*starts[1:], len(self)]
        of = {place: start for start, end in zip(starts, ends) for place in range(start, end)}
        runs: dict[int, Run] = {}
        for start, end in zip(starts, ends):
            parent = self.parents[start]
            # A parent stands before its children, so its run is known.
            before = [*runs[of[parent]].before, (of[parent], parent + 1)] if parent >= 0 else []
            runs[start] = Run(start, end, before)
        return list(runs.values())
