"""The texts of the dev sets: what may not be trained on, for the overlap filter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .files import records
from .judgements import prometheus_rows, roscoe_texts
from .solutions import FILE, FIRST_DEV, MODELS, plain


def texts(data: Path) -> Iterator[str]:
    """Every text of a dev row: what was asked, and what was answered. A few answers are JSON's true."""
    return map(str, _values(data))


def _values(data: Path) -> Iterator[object]:
    for row in records(data / "princeton-nlp__LLMBar/Dataset/LLMBar/Natural/dataset.json"):
        yield from (row["input"], row["output_1"], row["output_2"])
    for row in records(data / "WeOpenML__PandaLM/data/testset-v1.json"):
        if row["idx"] < 200:
            yield from (row["instruction"], row["input"], row["response1"], row["response2"])
    for row in records(data / "RUCAIBox__HaluEval/data/general_data.json")[:400]:
        yield from (row["user_query"], row["chatgpt_response"])
    for row in records(data / "google__BEGIN-dataset/wow/begin_dev_wow.tsv"):
        yield from (row["knowledge"], row["message"], row["response"])
    for row in records(data / "dmg-illc__JUDGE-BENCH/data/roscoe/roscoe-gsm8k-overall.json")["instances"]:
        yield from roscoe_texts(row["instance"])
    for problem in records(data / FILE)[FIRST_DEV:]:
        yield problem["question"]
        yield from (plain(problem[model]["solution"]) for model in MODELS)
    for rows in records(data / "ncsoft__offsetbias/data/evalbiasbench/biasbench.json").values():
        for row in rows:
            yield from (row["instruction"], row["response1"], row["response2"])
    for row in records(data / "WHGTyen__BIG-Bench-Mistake/multistep_arithmetic.jsonl"):
        yield row["input"]
    for row in records(data / "prometheus-eval__prometheus-eval/eval/benchmark/data/hhh_alignment_eval.json"):
        for side in ("chosen", "rejected"):
            _, _, task = row[f"{side}_instruction"].partition("###The instruction to evaluate:\n")
            yield task.partition("###Score Rubrics:")[0].replace("###Response to evaluate:", "")
    for row, held_back in prometheus_rows(data):
        if held_back:
            yield from (row.input, row.response)
