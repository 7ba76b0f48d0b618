"""The program `lunette`: what a model reads of a row, how it would write a label, and what it says.

Prompts and labels come from here alone, so that training and use see the same tokens.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .row import Row

# Fields that `lunette` knows, of each task.
_FIELDS = {
    "score": ("input", "response", "reference", "context", "rubric"),
    "classify": ("input", "response", "reference", "context", "rubric"),
    "compare": ("input", "responseA", "responseB", "reference", "context", "criteria"),
}
# The template's markers. A template of one's own with other markers needs them here.
REASONING, RESULT = "**Reasoning:**", "**Result:**"


def fields(row: Row) -> dict:
    """A row as `lunette` takes it. What people said of it stays out."""
    known = {name: getattr(row, name) for name in _FIELDS[row.task]}
    return {"id": row.id, **{name: value for name, value in known.items() if value is not None}}


@dataclass
class Talk:
    """A question and a whole reply, up to the token that ends the turn."""

    tokens: list[int]
    # Where the reply begins.
    start: int


@dataclass
class Lunette:
    """The program with one model."""

    program: Path
    model: Path
    template: str = "selene"
    # Tokens that the model holds at once: the longest prompt with its critique.
    context: int = 4096
    # How pairs are compared, as `lunette --method` takes it.
    method: str = "pairwise"
    # More arguments for every call, as `--backend cpu`.
    more: list[str] = field(default_factory=lambda: ["--backend", "cpu"])

    def prompts(self, task: str, rows: list[Row], rubric_orders: int = 1) -> list[list[list[int]]]:
        """Of each row the tokens of its prompts, up to where the verdict stands. Of a pair two: the second one with the
        responses swapped, or pointwise the first about a and the second about b. Of a rubric as many as the orders of its
        levels or labels."""
        more = ["--method", self.method] if task == "compare" else ["--rubric-orders", str(rubric_orders)]
        lines = self._call(["prompt", task, "--no-critique", "--template", self.template, *more], map(fields, rows))
        return [[prompt["tokens"] for prompt in _prompts(line)] for line in lines]

    def replies(self, texts: list[str]) -> list[list[int]]:
        """The tokens of whole replies, each with the token that ends a turn."""
        return [talk.tokens[talk.start :] for talk in self.talks([("?", text) for text in texts])]

    def talks(self, texts: list[tuple[str, str]]) -> list[Talk]:
        """The tokens of questions with their replies."""
        asked = {input: {"role": "user", "content": input} for input, _ in texts}
        whole = ([asked[input], {"role": "assistant", "content": text}] for input, text in texts)
        lines = [{"messages": messages} for messages in (*([ask] for ask in asked.values()), *whole)]
        prompts = [_prompts(line)[0] for line in self._call(["prompt", "chat"], lines)]
        begun = dict(zip(asked, prompts))
        out = []
        for (input, _), prompt in zip(texts, prompts[len(asked) :]):
            # A reply that begins with a line break melts with the one before it.
            start = shared(begun[input]["tokens"], prompt["tokens"])
            if start <= max(begun[input]["special"], default=-1):
                raise ValueError("the chat template writes a reply elsewhere than where it lets a model begin one")
            end = next(place for place in prompt["special"] if place >= start)
            out.append(Talk(prompt["tokens"][: end + 1], start))
        return out

    def spellings(self, labels: list[str]) -> tuple[dict[str, list[list[int]]], int]:
        """The ways to write each label behind the marker, the usual one with a space first, and the end of a turn."""
        texts = [RESULT, *(f"{RESULT}{space}{label}" for label in labels for space in (" ", ""))]
        marker, *written = self.replies(texts)
        *marker, end = marker
        found: dict[str, list[list[int]]] = {label: [] for label in labels}
        for tokens, label in zip(written, (label for label in labels for _ in range(2))):
            # Where a label melts into the marker, the other way of writing it is the one to read.
            if tokens[: len(marker)] == marker:
                found[label].append(tokens[len(marker) : -1])
        missing = [label for label, ways in found.items() if not ways]
        if missing:
            raise ValueError(f"labels that cannot be told from the marker before them: {missing}")
        return found, end

    def verdicts(self, task: str, rows: list[Row], out: Path, *more: str) -> list[dict]:
        """The verdicts on rows, without critiques unless `more` asks for them. Those that are in `out` already are read
        from there."""
        out.parent.mkdir(parents=True, exist_ok=True)
        method = ["--method", self.method] if task == "compare" else []
        command = [task, "--template", self.template, *method, "--resume", str(out), "--allow-errors", "--progress", *more]
        self._run(command, map(fields, rows), capture=False)
        with out.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def rewards(self, rows: list[dict], head: Path, out: Path) -> list[dict]:
        """The rewards of rows with `responses`, and the Q of each token. Those that are in `out` already are read from there."""
        out.parent.mkdir(parents=True, exist_ok=True)
        command = ["reward", "--head", str(head), "--trace", "--resume", str(out), "--allow-errors", "--progress"]
        self._run(command, rows, capture=False)
        with out.open(encoding="utf-8") as file:
            return [json.loads(line) for line in file]

    def _call(self, arguments: list[str], rows: Iterable[dict]) -> list[dict]:
        return [json.loads(line) for line in self._run(arguments, rows, capture=True).splitlines()]

    def _run(self, arguments: list[str], rows: Iterable[dict], capture: bool) -> str:
        command = [self.program, *arguments, "--model", self.model, "--context", str(self.context), *self.more]
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        done = subprocess.run(
            list(map(str, command)), input=text, text=True, encoding="utf-8",
            stdout=subprocess.PIPE if capture else None,
        )  # fmt: skip
        # 1: some rows have an error in place of an answer, which is a row's matter.
        if done.returncode not in (0, 1):
            raise RuntimeError(f"lunette ended with code {done.returncode}: {' '.join(arguments)}")
        return done.stdout or ""


def shared(a: list[int], b: list[int]) -> int:
    """How many tokens both begin with."""
    return next((i for i, (one, other) in enumerate(zip(a, b)) if one != other), min(len(a), len(b)))


def _prompts(line: dict) -> list[dict]:
    """A row that does not fit the model has none."""
    return line.get("prompts", [])
