"""Stage `render`: rows to the tokens of their prompts, both orders of every pair, by `lunette prompt`."""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np

from . import row as rows_file
from .log import Log
from .lunette import Lunette
from .prompts import Book, Prompt, Rendered
from .row import Row
from .vocabulary import Vocabulary

TASKS = ("score", "classify", "compare")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=Path, required=True, help="what `curate` wrote")
    parser.add_argument("--out", type=Path, required=True, help="the .npz file to write")
    add_lunette(parser)
    parser.add_argument("--rubric-orders", type=int, default=1, help="orders of the levels or labels, each a prompt")
    parser.add_argument("--max-tokens", type=int, default=1536, help="rows with a longer prompt are left out")


def add_lunette(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--lunette", type=Path, required=True, help="the program: target/release/lunette")
    parser.add_argument("--base", type=Path, required=True, help="the model's GGUF file")
    parser.add_argument("--template", default="selene", help="as `lunette --template` takes it")
    parser.add_argument("--method", choices=("pairwise", "pointwise"), default="pairwise", help="how pairs are compared")
    parser.add_argument("--context", type=int, default=4096, help="tokens that the model holds at once")


def lunette(options: argparse.Namespace) -> Lunette:
    return Lunette(options.lunette, options.base, options.template, options.context, options.method)


def run(options: argparse.Namespace) -> None:
    rows = list(rows_file.read(options.rows))
    about = {
        "base": digest(options.base), "rows": digest(options.rows), "template": options.template, "ends": True,
        "rubric_orders": options.rubric_orders, "max_tokens": options.max_tokens, "method": options.method,
    }  # fmt: skip
    log = Log(options.out.with_suffix(".log"))
    # Rendering takes a minute, so it is done whole or not at all.
    if options.out.exists() and Book.load(options.out).about == about:
        print(f"{options.out} is up to date")
        return
    book = render(rows, lunette(options), options.rubric_orders, options.max_tokens, about)
    vocabulary = Vocabulary.of(options.base)
    if vocabulary:
        mark_ends(book, rows, vocabulary)
    else:
        print("where responses end is not known: the vocabulary is no byte-level BPE, so `verdict` cannot rank them there")
    book.save(options.out)
    lengths = [len(prompt.tokens) for row in book.rows for prompt in row.prompts]
    log.write(
        "rendered", kept=len(book.rows), left_out=len(rows) - len(book.rows), prompts=len(lengths),
        tokens=sum(lengths), longest=max(lengths, default=0), **about,
    )  # fmt: skip


def render(rows: list[Row], program: Lunette, rubric_orders: int, max_tokens: int, about: dict) -> Book:
    """Keeps the order of the rows; those that do not fit are left out."""
    found: dict[str, list[list[int]]] = {}
    for task in TASKS:
        chosen = [row for row in rows if row.task == task]
        if chosen:
            found |= zip((row.id for row in chosen), program.prompts(task, chosen, rubric_orders))
    rendered = [rendition(row, found[row.id], program) for row in rows if fits(found[row.id], max_tokens)]
    names = sorted({name for row in rendered for prompt in row.prompts for name in row.names(prompt)})
    spellings, end = program.spellings(names)
    return Book(rendered, spellings, end, about)


def mark_ends(book: Book, rows: list[Row], vocabulary: Vocabulary) -> None:
    """Where the responses of comparisons end in their prompts."""
    by_id = {row.id: row for row in rows}
    for rendered in book.rows:
        if rendered.task == "compare" and not rendered.pointwise:
            texts = by_id[rendered.id].responses
            for prompt in rendered.prompts:
                prompt.ends = vocabulary.ends(prompt.tokens, texts[::-1] if prompt.swapped else texts)


def fits(prompts: list[list[int]], most: int) -> bool:
    return bool(prompts) and max(map(len, prompts)) <= most


def rendition(row: Row, prompts: list[list[int]], program: Lunette) -> Rendered:
    arrays = [np.array(tokens, dtype=np.int32) for tokens in prompts]
    pair = row.task == "compare"
    pointwise = pair and program.method == "pointwise"
    kind = "classify" if pointwise else row.task
    if program.template == "rubric-first":
        kind += f" {hashlib.sha256(json.dumps(row.rubric or row.criteria).encode()).hexdigest()[:16]}"
    return Rendered(
        id=row.id, source=row.source, group=row.group, task=row.task, labels=all_labels(row), pointwise=pointwise, kind=kind,
        prompts=[Prompt(pair and i == 1, tokens) for i, tokens in enumerate(arrays)],
    )  # fmt: skip


def all_labels(row: Row) -> dict[str, float]:
    """Every label that the rubric has, with the share of raters who gave it."""
    if row.task == "compare":
        names = ["a", "b"]
    else:
        names = [str(name) for name in row.rubric["scale" if row.task == "score" else "labels"]]
    return {name: row.labels.get(name, 0.0) for name in names}


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
