"""Stage `judge`: DPO with an NLL term on critique and verdict together, by TRL.

Examples without a critique are mixed in, so that a verdict that is read at once stays good.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

from datasets import Dataset
from transformers import AutoTokenizer
from trl import DPOConfig, DPOTrainer

from . import model as models
from . import row as rows_file
from . import training
from .log import Log
from .lunette import REASONING, RESULT, Lunette
from .render import TASKS, add_lunette, all_labels, lunette
from .row import Row
from .verdict import add_adapter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=Path, required=True, help="what `critiques` wrote")
    parser.add_argument("--out", type=Path, required=True, help="a folder for the adapter, its checkpoints and its log")
    add_lunette(parser)
    parser.add_argument("--weights", type=Path, help="the base as `unpack` wrote it [the GGUF file itself]")
    parser.add_argument("--init", type=Path, help="the adapter of `verdict` to go on from")
    parser.add_argument("--plain", type=float, default=0.3, help="the share of the examples that have no critique")
    parser.add_argument("--beta", type=float, default=0.1, help="how closely DPO keeps to where it began")
    parser.add_argument("--dpo", type=float, default=1.0, help="weight of DPO; 0 leaves NLL alone")
    parser.add_argument("--nll", type=float, default=1.0, help="weight of NLL on what is chosen; 0 leaves DPO alone")
    parser.add_argument("--max-tokens", type=int, default=1536, help="examples with more are left out")
    parser.add_argument("--batch", type=int, default=1, help="examples of one forward pass; --accumulate of these are a step")
    training.add_arguments(parser)
    add_adapter(parser)


def run(options: argparse.Namespace) -> None:
    rows = list(rows_file.read(options.rows))
    found = examples(rows, lunette(options), options.plain, options.seed)
    fitting = [example for example in found if length(example) <= options.max_tokens]
    random.Random(options.seed).shuffle(fitting)
    log = Log(options.out / "log.jsonl")
    log.write("began", options=vars(options), examples=len(fitting), left_out=len(found) - len(fitting),
              plain=sum(example["plain"] for example in fitting))  # fmt: skip
    base = models.base(options.weights or options.base, "sdpa")
    if options.init:
        model = models.with_adapter(base, options.init, trainable=True)
    else:
        model = models.with_new_adapter(base, options.rank, options.alpha, options.upper, options.seed)
    trainer = TokensTrainer(
        model=model, args=arguments(options), train_dataset=Dataset.from_list(fitting), processing_class=tokenizer(options),
        callbacks=training.callbacks(log, options),
    )  # fmt: skip
    training.train(trainer, log, options.out)


class TokensTrainer(DPOTrainer):
    """The rows are tokens already, those that the engine sees."""

    def _prepare_dataset(self, dataset, *_, **__):
        return dataset


def arguments(options: argparse.Namespace) -> DPOConfig:
    losses = {"sigmoid": options.dpo, "sft": options.nll}
    weighted = {name: weight for name, weight in losses.items() if weight > 0}
    common = training.settings(options)
    common |= {"num_train_epochs": options.epochs, "per_device_train_batch_size": options.batch, "remove_unused_columns": True}
    return DPOConfig(
        **common, beta=options.beta, loss_type=list(weighted), loss_weights=list(weighted.values()),
        max_length=options.max_tokens, gradient_checkpointing=False,
    )  # fmt: skip


def tokenizer(options: argparse.Namespace):
    """TRL wants one for padding; it tokenizes nothing."""
    found = AutoTokenizer.from_pretrained(options.base.parent, gguf_file=options.base.name)
    if found.pad_token is None:
        found.pad_token = found.eos_token
    return found


def length(example: dict) -> int:
    return len(example["prompt_ids"]) + max(len(example["chosen_ids"]), len(example["rejected_ids"]))


def examples(rows: list[Row], program: Lunette, plain: float, seed: int) -> list[dict]:
    """Of each row with critiques of both kinds one pair for each chosen one; and as many verdicts without a critique that
    these are the share `plain` of all."""
    pairs = list(critique_pairs(rows, seed))
    count = round(len(pairs) * plain / (1 - plain)) if pairs else len(rows)
    draw = random.Random(f"{seed} plain")
    alone = [verdict_pair(row, draw) for row in draw.sample(rows, min(count, len(rows)))]
    wanted = pairs + [pair for pair in alone if pair]
    prompts = prompt_tokens([row for row, *_ in wanted], program)
    replies = iter(program.replies([text for _, *both in wanted for text in both]))
    out = []
    for row, chosen, _ in wanted:
        good, bad = next(replies), next(replies)
        prompt = prompts.get(row.id)
        if prompt:
            out.append({"prompt_ids": prompt, "chosen_ids": good, "rejected_ids": bad, "plain": chosen.startswith(RESULT)})
    return out


def critique_pairs(rows: list[Row], seed: int) -> Iterator[tuple[Row, str, str]]:
    for row in rows:
        draw = random.Random(f"{seed} {row.id}")
        good = [critique for critique in row.critiques if critique.chosen]
        bad = [critique for critique in row.critiques if not critique.chosen]
        for one in good if bad else []:
            other = draw.choice(bad)
            yield row, reply(row, one.text, one.label), reply(row, other.text, other.label)


def reply(row: Row, critique: str, label: str) -> str:
    """What the engine reads when it reads the verdict, and the verdict."""
    return f"{REASONING} {critique.strip()}\n\n{verdict(row, label)}"


def verdict(row: Row, label: str) -> str:
    return f"{RESULT} {label.upper() if row.task == 'compare' else label}"


def verdict_pair(row: Row, draw: random.Random) -> tuple[Row, str, str] | None:
    """The label that most raters gave against one that none gave."""
    labels = all_labels(row)
    top = max(labels, key=labels.get)
    others = [label for label, share in labels.items() if share == 0]
    return (row, verdict(row, top), verdict(row, draw.choice(others))) if others else None


def prompt_tokens(rows: list[Row], program: Lunette) -> dict[str, list[int]]:
    """Prompts up to where the model begins its reply."""
    marker = program.replies([RESULT])[0][:-1]
    found = {}
    unique = {row.id: row for row in rows}
    for task in TASKS:
        chosen = [row for row in unique.values() if row.task == task]
        for row, prompts in zip(chosen, program.prompts(task, chosen) if chosen else []):
            if prompts:
                if prompts[0][-len(marker) :] != marker:
                    raise ValueError(f"the prompt of {row.id} does not end in {RESULT}")
                found[row.id] = prompts[0][: -len(marker)]
    return found
