"""A training row: a task in Lunette's own fields, with what people said of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Critique:
    """A reasoning that ends in a verdict."""

    text: str
    label: str
    # Whether the label is the one that people gave. A rejected critique is one to be trained against.
    chosen: bool
    # Who wrote it, as "gpt-4" or the hash of a model.
    author: str


@dataclass
class Row:
    """What a judge is asked, and the distribution over its labels.

    `task` is "score", "classify" or "compare". `labels` maps each label of the rubric ("1" to "5", "Yes" and "No", "a"
    and "b") to its probability: the share of the raters who gave it. A tie is half "a" and half "b".
    """

    id: str
    source: str
    license: str
    # Rows of one group share a problem or a prompt: they stay on one side of a split.
    group: str
    task: str
    input: str
    labels: dict[str, float]
    # Of a classification: whether its label is the one for a good response, which depends on the rubric's wording.
    good: bool | None = None
    response: str | None = None
    responseA: str | None = None
    responseB: str | None = None
    # A ScoreRubric or ClassRubric; a comparison has `criteria`.
    rubric: dict | None = None
    criteria: str | None = None
    reference: str | None = None
    context: str | None = None
    critiques: list[Critique] = field(default_factory=list)

    @property
    def responses(self) -> list[str]:
        return [text for text in (self.response, self.responseA, self.responseB) if text is not None]

    @property
    def text(self) -> str:
        """All that the task says, for filters."""
        parts = [self.input, self.context, self.reference, *self.responses]
        return "\n".join(part for part in parts if part)

    @property
    def preferred(self) -> float:
        """p(a) of a comparison."""
        return self.labels["a"]


def write(path: Path, rows: Iterable[Row]) -> int:
    """JSON lines; the file is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(path.suffix + ".part")
    count = 0
    with part.open("w", encoding="utf-8") as file:
        for row in rows:
            known = {key: value for key, value in asdict(row).items() if value is not None and value != []}
            file.write(json.dumps(known, ensure_ascii=False) + "\n")
            count += 1
    part.replace(path)
    return count


def read(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            fields = json.loads(line)
            critiques = [Critique(**critique) for critique in fields.pop("critiques", [])]
            yield Row(**fields, critiques=critiques)
