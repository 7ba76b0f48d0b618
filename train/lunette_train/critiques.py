"""Stage `critiques`: several critiques of each row by a model. Those that lead to people's verdict are chosen."""

from __future__ import annotations

import argparse
import re
from collections import Counter
from pathlib import Path

from tqdm import tqdm

from . import row as rows_file
from .filters import foreign_text
from .log import Log
from .lunette import REASONING, RESULT
from .render import TASKS, add_lunette, digest, lunette
from .row import Critique, Row

# A critique that repeats so many words in sequence, or takes so many from a response, says little of its own.
REPEATED, COPIED = 8, 25
SHORTEST, LONGEST = 8, 220


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=Path, required=True, help="what `curate` wrote")
    parser.add_argument("--out", type=Path, required=True, help="the rows with their critiques; verdicts lie beside it")
    add_lunette(parser)
    parser.add_argument("--samples", type=int, default=4, help="critiques of each prompt")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--max-tokens", type=int, default=300)
    parser.add_argument("--sources", nargs="*", metavar="NAME", help="only these")
    parser.add_argument("--most", type=int, default=0, help="the first rows of each source [all]")
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> None:
    rows = [row for row in rows_file.read(options.rows) if not options.sources or row.source in options.sources]
    if options.most:
        seen: Counter = Counter()
        rows = [row for row in rows if seen.update([row.source]) or seen[row.source] <= options.most]
    program, author = lunette(options), digest(options.base)
    asked = [
        "--samples", str(options.samples), "--temperature", str(options.temperature),
        "--max-tokens", str(options.max_tokens), "--seed", str(options.seed),
    ]  # fmt: skip
    dropped: Counter = Counter()
    for task in TASKS:
        chosen = {row.id: row for row in rows if row.task == task}
        if not chosen:
            continue
        file = options.out.with_suffix(f".{task}.jsonl")
        # A pair's critique is of the order given: judged in that order, since it speaks of A and B.
        order = ["--one-order"] if task == "compare" else []
        lines = program.verdicts(task, list(chosen.values()), file, *asked, *order)
        for line in tqdm(lines, desc=f"critiques of {task}", unit="row"):
            if "verdict" in line:
                add(chosen[line["id"]], line["verdict"], author, dropped)
    rows_file.write(options.out, rows)
    kinds = Counter(critique.chosen for row in rows for critique in row.critiques)
    Log(options.out.with_suffix(".log")).write(
        "criticized", rows=len(rows), both=sum(has_both(row) for row in rows), chosen=kinds[True],
        rejected=kinds[False], dropped=dropped, author=author, options=vars(options),
    )  # fmt: skip


def has_both(row: Row) -> bool:
    return len({critique.chosen for critique in row.critiques}) == 2


def add(row: Row, verdict: dict, author: str, dropped: Counter) -> None:
    known = {critique.text for critique in row.critiques}
    top = max(row.labels.values())
    for text, label in readings(row.task, verdict):
        reason = "same" if text in known else unfit(text, row)
        if reason:
            dropped[reason] += 1
            continue
        known.add(text)
        chosen = row.labels.get(label, 0.0) == top
        # Near a divided verdict there is no wrong one: such a label is neither.
        if not chosen and row.labels.get(label, 0.0) > 0:
            dropped["divided"] += 1
            continue
        row.critiques.append(Critique(text=text, label=label, chosen=chosen, author=author))


def readings(task: str, verdict: dict) -> list[tuple[str, str]]:
    """Each critique with the label that it led to."""
    if task == "compare":
        [verdict] = verdict["orders"]
    votes = (verdict.get("reliability") or {}).get("readings")
    if votes is None:
        first = verdict.get("winner", verdict.get("label", verdict.get("score")))
        votes = [{"critique": verdict["critique"], "vote": first}]
    # In a comparison's prompt the labels are A and B.
    name = (lambda vote: str(vote).lower()) if task == "compare" else str
    return [(vote["critique"].strip(), name(vote["vote"])) for vote in votes if vote.get("critique")]


def unfit(text: str, row: Row) -> str | None:
    """Why a critique is not to be trained on, or for."""
    words = re.findall(r"\w+", text.lower())
    if not SHORTEST <= len(words) <= LONGEST:
        return "length"
    if RESULT.strip("*:") + ":" in text or REASONING in text or re.search(r"\bscore(?: is|:| of) \d", text, re.I):
        return "verdict within"
    if repeats(words, REPEATED):
        return "repetition"
    if any(copied(words, response) for response in row.responses):
        return "copy"
    return "language" if foreign_text(text) else None


def repeats(words: list[str], length: int) -> bool:
    """Whether so many words in sequence come twice."""
    runs = [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
    return len(set(runs)) < len(runs)


def copied(words: list[str], response: str) -> bool:
    theirs = " ".join(re.findall(r"\w+", response.lower()))
    return any(" ".join(words[i : i + COPIED]) in theirs for i in range(len(words) - COPIED + 1))
