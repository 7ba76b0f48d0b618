"""The dev sets as rows: what a judge is chosen by. Their rubrics are in words that no training row has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from ..row import Row
from ..rubrics import distribution, fixed
from .files import records
from .judgements import prometheus_rows, roscoe_texts
from .solutions import FILE, FIRST_DEV, MODELS, plain

_HHH = re.compile(
    r"###The instruction to evaluate:\n(?P<input>.*?)\n###Response to evaluate:\n(?P<response>.*?)"
    r"\n###Score Rubrics:\n\[(?P<objective>.*?)\]\n",
    re.DOTALL,
)


def _pair(source: str, key: object, input: str, responses: tuple[str, str], p: float, criteria: str, **more) -> Row:
    id = f"dev-{source}/{key}"
    return Row(
        id=id, source=source, license="", group=id, task="compare", input=input, responseA=responses[0],
        responseB=responses[1], labels={"a": p, "b": 1 - p}, criteria=criteria, **more,
    )  # fmt: skip


def _labelled(source: str, key: object, input: str, response: str, good: bool, kind: str, **more) -> Row:
    id, rubric = f"dev-{source}/{key}", fixed(kind)
    # Of two labels the one for a good response stands first.
    label = list(rubric["labels"])[0 if good else 1]
    return Row(
        id=id, source=source, license="", group=id, task="classify", input=input, response=response, rubric=rubric,
        labels={label: 1.0}, good=good, **more,
    )  # fmt: skip


def llmbar(data: Path) -> Iterator[Row]:
    for i, row in enumerate(records(data / "princeton-nlp__LLMBar/Dataset/LLMBar/Natural/dataset.json")):
        two = (row["output_1"], row["output_2"])
        yield _pair("llmbar-natural", i, row["input"], two, float(row["label"] == 1), fixed("preference"))


def hhh(data: Path) -> Iterator[Row]:
    """The better response is a and b by turns. The criteria are the set's own."""
    file = data / "prometheus-eval__prometheus-eval/eval/benchmark/data/hhh_alignment_eval.json"
    for i, row in enumerate(records(file)):
        good, bad = (_HHH.search(row[f"{side}_instruction"]) for side in ("chosen", "rejected"))
        if not good or not bad:
            raise ValueError(f"row {i} of {file.name} is not in Prometheus's form")
        two = (good["response"].strip(), bad["response"].strip())
        first = i % 2 == 0
        yield _pair("hhh", i, good["input"].strip(), two if first else two[::-1], float(first), good["objective"].strip())


def pandalm(data: Path) -> Iterator[Row]:
    """Ties have no better response, and are left out."""
    for row in records(data / "WeOpenML__PandaLM/data/testset-v1.json"):
        if row["idx"] >= 200:
            continue
        votes = [row[f"annotator{n}"] for n in (1, 2, 3)]
        p = (votes.count(1) + votes.count(0) / 2) / 3
        two = (str(row["response1"]), str(row["response2"]))
        if p != 0.5 and all(text.strip() for text in two):
            input = "\n\n".join(part for part in (row["instruction"], row["input"]) if part)
            yield _pair("pandalm", row["idx"], input, two, p, fixed("preference"))


def biases(data: Path) -> Iterator[Row]:
    for bias, rows in records(data / "ncsoft__offsetbias/data/evalbiasbench/biasbench.json").items():
        for i, row in enumerate(rows):
            two = (row["response1"], row["response2"])
            key = f"{bias.replace(' ', '-')}-{i}"
            yield _pair("evalbias", key, row["instruction"], two, float(row["label"] == 1), fixed("preference"))


def halueval(data: Path) -> Iterator[Row]:
    for i, row in enumerate(records(data / "RUCAIBox__HaluEval/data/general_data.json")[:400]):
        good = row["hallucination"] == "no"
        yield _labelled("halueval", i, row["user_query"], row["chatgpt_response"], good, "hallucination")


def begin(data: Path) -> Iterator[Row]:
    for i, row in enumerate(records(data / "google__BEGIN-dataset/wow/begin_dev_wow.tsv")):
        if row["begin_label"] != "Generic":
            good = row["begin_label"] == "Fully attributable"
            yield _labelled("begin", i, row["message"], row["response"], good, "grounded", context=row["knowledge"])


def gsm8k(data: Path) -> Iterator[Row]:
    """One solution of each problem, by the models in turn."""
    for i, problem in enumerate(records(data / FILE)[FIRST_DEV:], start=FIRST_DEV):
        found = problem[MODELS[i % len(MODELS)]]
        yield _labelled("gsm8k", i, problem["question"], plain(found["solution"]), found["is_correct"], "solution")


def mistakes(data: Path) -> Iterator[Row]:
    """BIG-Bench Mistake: whether a step of a calculation is wrong."""
    for i, row in enumerate(records(data / "WHGTyen__BIG-Bench-Mistake/multistep_arithmetic.jsonl")):
        yield _labelled("mistakes", i, row["input"], "\n".join(row["steps"]), row["mistake_index"] is None, "steps")


def roscoe(data: Path) -> Iterator[Row]:
    file = data / "dmg-illc__JUDGE-BENCH/data/roscoe/roscoe-gsm8k-overall.json"
    for row in records(file)["instances"]:
        input, response = roscoe_texts(row["instance"])
        votes = [str(score) for score in row["annotations"]["Overall Quality"]["individual_human_scores"]]
        id = f"dev-roscoe/{row['id']}"
        yield Row(
            id=id, source="roscoe", license="", group=id, task="score", input=input.removeprefix("Question:").strip(),
            response=plain(response), rubric=fixed("reasoning"), labels=distribution(votes),
        )  # fmt: skip


def prometheus(data: Path) -> Iterator[Row]:
    """The tenth of Prometheus's rows that is held back: agreement with GPT-4, not with people."""
    for row, held_back in prometheus_rows(data):
        if held_back:
            row.id = f"dev-{row.id}"
            yield row


SETS: dict[str, Callable[[Path], Iterator[Row]]] = {
    "llmbar-natural": llmbar,
    "hhh": hhh,
    "pandalm": pandalm,
    "evalbias": biases,
    "halueval": halueval,
    "begin": begin,
    "roscoe": roscoe,
    "prometheus": prometheus,
    "gsm8k": gsm8k,
    "mistakes": mistakes,
}
# Their pairs together are what a judge is chosen by first.
POOLED = ("llmbar-natural", "hhh", "pandalm")
