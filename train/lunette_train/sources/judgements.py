"""Sets of single responses: scores under a rubric, and labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from ..row import Critique, Row
from ..rubrics import distribution, labelled, pick, rescale
from .files import records

_PROMETHEUS = re.compile(
    r"###The instruction to evaluate:\n(?P<input>.*?)"
    r"\n###Response to evaluate:\n(?P<response>.*?)"
    r"\n###Reference Answer \(Score 5\):\n(?P<reference>.*?)"
    r"\n###Score Rubrics:\n\[(?P<objective>.*?)\]\n(?P<levels>.*?)\n*###Feedback:",
    re.DOTALL,
)
_LEVEL = re.compile(r"^Score (\d): (.*?)(?=\nScore \d: |\Z)", re.DOTALL | re.MULTILINE)

# Every tenth prompt is held back: agreement with the teacher is measured there.
HELD_BACK = 10


def prometheus(data: Path) -> Iterator[Row]:
    """Prometheus's Vicuna and MT-Bench sets: GPT-4's scores and critiques, three a row. A teacher, not people."""
    return (row for row, held_back in prometheus_rows(data) if not held_back)


def prometheus_rows(data: Path) -> Iterator[tuple[Row, bool]]:
    """All rows, and whether each is held back."""
    folder = data / "prometheus-eval__prometheus-eval/eval/benchmark/data"
    for name in ("vicuna", "mt_bench"):
        for i, raw in enumerate(records(folder / f"{name}_eval.json")):
            found = _PROMETHEUS.search(raw["instruction"])
            if not found:
                raise ValueError(f"row {i} of {name}_eval.json is not in Prometheus's form")
            scale = {int(level): text.strip() for level, text in _LEVEL.findall(found["levels"])}
            labels = distribution([str(score) for score in raw["gpt4_score"]])
            top = max(labels, key=labels.get)
            critiques = [
                Critique(text=text.strip(), label=str(score), chosen=str(score) == top, author="gpt-4")
                for text, score in zip(raw["gpt4_feedback"], raw["gpt4_score"])
            ]
            group = f"prometheus-{name}/{raw['idx']}"
            row = Row(
                id=f"prometheus-{name}/{i}", source="prometheus", license="Apache-2.0 (labels by GPT-4)", group=group,
                task="score", input=found["input"].strip(), response=found["response"].strip(),
                # With the reference or without: a judge is asked both ways.
                reference=found["reference"].strip() if i % 2 == 0 else None,
                rubric={"objective": found["objective"].strip(), "scale": scale}, labels=labels, critiques=critiques,
            )  # fmt: skip
            held_back = raw["idx"] % HELD_BACK == 0
            # Every fourth on another scale. Its critiques name no number of their own.
            if i % 4 == 3 and not held_back:
                scale, row.labels = rescale(scale, labels, 3 if i % 8 == 3 else 11)
                row.rubric = {"objective": row.rubric["objective"], "scale": scale}
                row.critiques = []
            yield row, held_back


def roscoe(data: Path) -> Iterator[Row]:
    """ROSCOE's DROP and e-SNLI: the quality of a chain of reasoning, 1 to 5, by experts."""
    for name in ("drop", "esnli"):
        file = data / f"dmg-illc__JUDGE-BENCH/data/roscoe/roscoe-{name}-overall.json"
        for raw in records(file)["instances"]:
            input, response = roscoe_texts(raw["instance"])
            votes = [str(score) for score in raw["annotations"]["Overall Quality"]["individual_human_scores"]]
            id = f"roscoe-{name}/{raw['id']}"
            yield Row(
                id=id, source="roscoe", license="MIT", group=f"roscoe/{input}", task="score", input=input,
                response=response, rubric=pick("reasoning", id), labels=distribution(votes),
            )  # fmt: skip


def roscoe_texts(instance: str) -> tuple[str, str]:
    """The question and the reasoning, without the instructions to the annotators and without the right answer."""
    context, response = instance.split("CONTEXT:\n", 1)[1].split("GENERATED RESPONSE:\n", 1)
    question = re.split(r"\n\n?Correct Relationship|\n\\Solution:", context, maxsplit=1)[0]
    response = response.split("\nJudge the generated response:")[0]
    return question.strip(), response.strip()


def begin(data: Path) -> Iterator[Row]:
    """BEGIN's Wizard of Wikipedia test set: whether a reply rests on a passage."""
    for i, raw in enumerate(records(data / "google__BEGIN-dataset/wow/begin_test_wow.tsv")):
        if raw["begin_label"] == "Generic":
            continue
        id = f"begin/{i}"
        rubric, labels = labelled("grounded", id, raw["begin_label"] == "Fully attributable")
        yield Row(
            id=id, source="begin", license="CC-BY-4.0", group=f"begin/{raw['knowledge']}", task="classify",
            input=raw["message"], response=raw["response"], context=raw["knowledge"], rubric=rubric,
            labels=labels, good=raw["begin_label"] == "Fully attributable",
        )  # fmt: skip


def halueval(data: Path) -> Iterator[Row]:
    """HaluEval's general set from row 400 on: whether a chat model's response makes things up."""
    for i, raw in enumerate(records(data / "RUCAIBox__HaluEval/data/general_data.json")[400:], start=400):
        id = f"halueval/{i}"
        query, response = raw["user_query"], raw["chatgpt_response"]
        rubric, labels = labelled("hallucination", id, raw["hallucination"] == "no")
        yield Row(
            id=id, source="halueval", license="MIT", group=f"halueval/{query}", task="classify", input=query,
            response=response, rubric=rubric, labels=labels,
            good=raw["hallucination"] == "no",
        )  # fmt: skip
