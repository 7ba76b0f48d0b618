"""GSM8K: four models' solutions of each problem, and whether each is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..row import Row
from ..rubrics import labelled
from .files import records
from .pairs import pair

FILE = "openai__grade-school-math/grade_school_math/data/example_model_solutions.jsonl"
MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
# Problems from here on are for dev.
FIRST_DEV = 900


def gsm8k(data: Path) -> Iterator[Row]:
    """Solutions of the first 900 problems, each alone and, where one is right and one wrong, in a pair.

    Every third has the problem's own solution for reference.
    """
    for i, problem in enumerate(records(data / FILE)[:FIRST_DEV]):
        question, reference = problem["question"], plain(problem["ground_truth"])
        more = {"license": "MIT", "group": f"gsm8k/{question}"}
        right = [m for m in MODELS if problem[m]["is_correct"]]
        wrong = [m for m in MODELS if not problem[m]["is_correct"]]
        # One right and one wrong solution a problem: models that are right more often must not be told by their style.
        for model in [*right[i % max(len(right), 1) :][:1], *wrong[i % max(len(wrong), 1) :][:1]]:
            id = f"gsm8k/{i}-{model}"
            rubric, labels = labelled("solution", id, problem[model]["is_correct"])
            yield Row(
                id=id, source="gsm8k-class", task="classify", input=question, response=plain(problem[model]["solution"]),
                rubric=rubric, labels=labels, good=problem[model]["is_correct"],
                reference=reference if i % 3 == 0 else None, **more,
            )  # fmt: skip
        if right and wrong:
            winner, loser = (plain(problem[m[i % len(m)]]["solution"]) for m in (right, wrong))
            reference_of_pair = reference if i % 3 == 1 else None
            yield pair(
                "gsm8k", str(i), question, winner, loser, "solution_pair", reference=reference_of_pair, **more
            )


def outcomes(data: Path) -> Iterator[Row]:
    """Of each of the first 900 problems every right solution beside every wrong one, for a reward model."""
    for i, problem in enumerate(records(data / FILE)[:FIRST_DEV]):
        question = problem["question"]
        right, wrong = ([m for m in MODELS if problem[m]["is_correct"] is is_right] for is_right in (True, False))
        for good in right:
            for bad in wrong:
                winner, loser = (plain(problem[model]["solution"]) for model in (good, bad))
                yield pair(
                    "outcomes", f"{i}-{good}-{bad}", question, winner, loser, "solution_pair",
                    license="MIT", group=f"gsm8k/{question}",
                )  # fmt: skip


def plain(solution: str) -> str:
    """A solution without its calculator's marks, `<<3+4=7>>`."""
    out, rest = [], solution
    while "<<" in rest and ">>" in rest:
        before, _, after = rest.partition("<<")
        out.append(before)
        rest = after.partition(">>")[2]
    return "".join([*out, rest]).strip()
