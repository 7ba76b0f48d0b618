"""Sets of pairs: two responses to one input, and which of them people prefer."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from ..row import Row
from ..rubrics import labelled, pick
from .files import records


def pair(source: str, key: str, input: str, winner: str, loser: str, kind: str, **more) -> Row:
    """A pair with its winner in a place drawn by its key."""
    id = f"{source}/{key}"
    first = random.Random(id).random() < 0.5
    a, b = (winner, loser) if first else (loser, winner)
    labels = {"a": 1.0, "b": 0.0} if first else {"a": 0.0, "b": 1.0}
    more = {"group": f"{source}/{input}", **more}
    return Row(
        id=id, source=source, task="compare", input=input, responseA=a, responseB=b, labels=labels,
        criteria=pick(kind, id), **more,
    )  # fmt: skip


def hh_rlhf(data: Path) -> Iterator[Row]:
    """Anthropic's harmless-base test split: two conversations that differ in the last reply."""
    for i, row in enumerate(records(data / "anthropics__hh-rlhf/harmless-base/test.jsonl.gz")):
        talk, chosen, rejected = _conversations(row["chosen"], row["rejected"])
        if talk:
            yield pair("hh-rlhf", str(i), talk, chosen, rejected, "harmless", license="MIT")


def _conversations(chosen: str, rejected: str) -> tuple[str, str, str]:
    """What both conversations begin with, and the two last replies; an empty beginning where they differ earlier."""
    mark = "\n\nAssistant:"
    (talk, _, good), (other, _, bad) = chosen.rpartition(mark), rejected.rpartition(mark)
    return (talk.strip() if talk == other else "", good.strip(), bad.strip())


def pandalm(data: Path) -> Iterator[Row]:
    """PandaLM's test set from row 200 on: three annotators, ties among their answers."""
    for row in records(data / "WeOpenML__PandaLM/data/testset-v1.json"):
        if row["idx"] < 200:
            continue
        # A few responses are JSON's true.
        first, second = str(row["response1"]), str(row["response2"])
        votes = [row[f"annotator{n}"] for n in (1, 2, 3)]
        share = [(votes.count(n) + votes.count(0) / 2) / 3 for n in (1, 2)]
        input = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
        id = f"pandalm/{row['idx']}"
        yield Row(
            id=id, source="pandalm", license="Apache-2.0", group=f"pandalm/{input}", task="compare", input=input,
            responseA=first, responseB=second, labels=dict(zip("ab", share)),
            criteria=pick("preference", id),
        )  # fmt: skip


LLMBAR = {
    "mt-bench": "Processed/MT-Bench",
    "faireval": "Processed/FairEval",
    "llmeval": "Processed/LLMEval^2",
    "neighbor": "LLMBar/Adversarial/Neighbor",
    "gptinst": "LLMBar/Adversarial/GPTInst",
}


def llmbar(data: Path) -> Iterator[Row]:
    """LLMBar's processed sets, and two of its adversarial ones. Each counts as a source of its own."""
    for name, folder in LLMBAR.items():
        for i, row in enumerate(records(data / "princeton-nlp__LLMBar/Dataset" / folder / "dataset.json")):
            winner, loser = row["output_1"], row["output_2"]
            if row["label"] == 2:
                winner, loser = loser, winner
            yield pair(f"llmbar-{name}", str(i), row["input"], winner, loser, "preference", license="MIT")


def truthfulqa(data: Path) -> Iterator[Row]:
    """TruthfulQA: a true answer beside a false one, and each of the two alone."""
    for i, row in enumerate(records(data / "sylinrl__TruthfulQA/TruthfulQA.csv")):
        question, draw = row["Question"], random.Random(f"truthfulqa/{i}")
        good, bad = (_answers(row[f"{kind} Answers"]) for kind in ("Correct", "Incorrect"))
        # Answers of like length, so that length tells nothing.
        true, false = min(
            ((g, b) for g in good for b in bad), key=lambda two: (abs(len(two[0]) - len(two[1])), draw.random())
        )
        more = {"license": "Apache-2.0", "group": f"truthfulqa/{question}"}
        yield pair("truthfulqa", str(i), question, true, false, "truthful_pair", **more)
        for answer, right in ((draw.choice(good), True), (draw.choice(bad), False)):
            id = f"truthfulqa/{i}-{'true' if right else 'false'}"
            rubric, labels = labelled("truthful", id, right)
            yield Row(
                id=id, source="truthfulqa-class", task="classify", input=question, response=answer, rubric=rubric,
                labels=labels, good=right, **more,
            )  # fmt: skip


def _answers(text: str) -> list[str]:
    return [answer.strip() for answer in text.split(";") if answer.strip()]
