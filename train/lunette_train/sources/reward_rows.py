"""What a reward model is measured on, from the dev split: solutions, pairs, and chains of reasoning with a first wrong step."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..row import Row
from . import dev_rows
from .files import records
from .judgements import roscoe_texts
from .solutions import FILE, FIRST_DEV, MODELS, plain


@dataclass
class Problem:
    """Several solutions of one problem."""

    input: str
    responses: list[str]
    right: list[bool]

    @property
    def answers(self) -> list[str]:
        """What each solution comes to: its last number."""
        return [([""] + re.findall(r"-?\d[\d,]*\.?\d*", text))[-1].replace(",", "").rstrip(".") for text in self.responses]


def problems(data: Path) -> list[Problem]:
    """GSM8K's problems from 900 on, with four models' solutions of each."""
    found = []
    for problem in records(data / FILE)[FIRST_DEV:]:
        solutions = [problem[model] for model in MODELS]
        found.append(
            Problem(problem["question"], [plain(s["solution"]) for s in solutions], [s["is_correct"] for s in solutions])
        )
    return found


PAIRS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "hhh": dev_rows.hhh, "pandalm": dev_rows.pandalm, "llmbar-natural": dev_rows.llmbar, "evalbias": dev_rows.biases,
}  # fmt: skip


@dataclass
class Chain:
    """A chain of steps, of which one is the first wrong one."""

    source: str
    input: str
    steps: list[str]
    wrong: int

    @property
    def response(self) -> str:
        return "\n".join(self.steps)


def chains(data: Path) -> list[Chain]:
    return [*_mistakes(data), *_roscoe(data)]


def _mistakes(data: Path) -> Iterator[Chain]:
    for row in records(data / "WHGTyen__BIG-Bench-Mistake/multistep_arithmetic.jsonl"):
        if row["mistake_index"] is not None:
            yield Chain("mistakes", row["input"], row["steps"], row["mistake_index"])


# Errors of a step that make it wrong, and not merely clumsy.
_WRONG = ("Factuality", "Coherency and Logic", "Final Answer", "Hallucination", "Commonsense", "Arithmetic")


def _roscoe(data: Path) -> Iterator[Chain]:
    """ROSCOE's GSM8K solutions, whose rows are steps."""
    whole: dict[tuple[str, str], list[tuple[int, bool]]] = defaultdict(list)
    for row in records(data / "dmg-illc__JUDGE-BENCH/data/roscoe/roscoe-gsm8k-stepwise.json")["instances"]:
        text, _, judged = row["instance"].partition("\nJUDGE: ")
        number = int(re.match(r"Step (\d+)", judged.strip())[1])
        wrong = any(row["annotations"][name]["majority_human"] == "yes" for name in _WRONG)
        whole[roscoe_texts(text)].append((number - 1, wrong))
    for (question, response), judged in whole.items():
        steps = [plain(step) for step in re.split(r"(?:^|\n)Step \d+ - ", response) if step.strip()]
        first = min((number for number, wrong in judged if wrong), default=None)
        if first is not None and first < len(steps) and len(steps) > 1:
            yield Chain("roscoe", question.removeprefix("Question:").strip(), steps, first)
