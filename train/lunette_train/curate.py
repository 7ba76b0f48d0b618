"""Stage `curate`: the train split of the labelled sets, filtered and balanced, as one file of tasks."""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm

from . import filters, shortcuts
from .row import Row, write
from .sources import DEV, REWARD, TRAIN


@dataclass
class Tally:
    """What became of a source's rows."""

    came: int = 0
    dropped: Counter = field(default_factory=Counter)
    before: shortcuts.Report | None = None
    after: shortcuts.Report | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of the labelled sets")
    parser.add_argument("--out", type=Path, required=True, help="the JSON lines file to write")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sources", nargs="*", choices=sorted(TRAIN), default=sorted(set(TRAIN) - REWARD), metavar="NAME")
    parser.add_argument("--unbalanced", action="store_true", help="leave what can be told by looks alone")


def run(options: argparse.Namespace) -> None:
    overlap = filters.Overlap(DEV(options.data))
    rows = [row for name in options.sources for row in TRAIN[name](options.data)]
    kept, tallies = sieve(rows, overlap)
    for source, tally in tqdm(tallies.items(), desc="balancing", unit="source"):
        tally.before = shortcuts.report(kept[source], options.seed)
        if not options.unbalanced:
            balanced = shortcuts.balance(kept[source], options.seed)
            tally.dropped["shortcut"] = len(kept[source]) - len(balanced)
            kept[source] = balanced
        tally.after = shortcuts.report(kept[source], options.seed + 1000)
    out = [row for source in sorted(kept) for row in kept[source]]
    write(options.out, out)
    options.out.with_suffix(".md").write_text(table(tallies, out), encoding="utf-8")
    options.out.with_suffix(".log").write_text(log(tallies), encoding="utf-8")
    print(table(tallies, out))


def sieve(rows: list[Row], overlap: filters.Overlap) -> tuple[dict[str, list[Row]], dict[str, Tally]]:
    """Drops what is unfit, and counts why."""
    kept: dict[str, list[Row]] = defaultdict(list)
    tallies: dict[str, Tally] = defaultdict(Tally)
    seen: set[tuple] = set()
    checks = {
        "empty": filters.empty,
        "same": filters.same,
        "undecided": filters.undecided,
        "too long": filters.too_long,
        "overlap": overlap.meets,
        "language": filters.foreign,
    }
    for row in tqdm(rows, desc="filtering", unit="row"):
        tally = tallies[row.source]
        tally.came += 1
        # Rows made of others ask of the same texts something else.
        key = (row.source.split("-")[0], row.task, row.input, row.context, *sorted(row.responses))
        reason = "duplicate" if key in seen else next((name for name, unfit in checks.items() if unfit(row)), None)
        seen.add(key)
        if reason:
            tally.dropped[reason] += 1
        else:
            kept[row.source].append(row)
    return kept, tallies


REASONS = ("duplicate", "empty", "same", "undecided", "too long", "overlap", "language", "shortcut")


def table(tallies: dict[str, Tally], out: list[Row]) -> str:
    """What came in, what was dropped and why, what is left, and what looks alone can tell of it, as Markdown."""
    left = Counter(row.source for row in out)
    head = ["source", "came", *REASONS, "left", "by looks, before", "by looks, after (majority, chance ±)", "longer wins"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for source, tally in sorted(tallies.items()):
        before, after = tally.before, tally.after
        wins = [f"{r.longer_wins:.2f}" for r in (before, after) if r.longer_wins is not None]
        cells = [
            source,
            tally.came,
            *(tally.dropped[reason] or "" for reason in REASONS),
            left[source],
            f"{before.accuracy:.2f} ({before.majority:.2f})",
            f"{after.accuracy:.2f} ({after.majority:.2f}, {after.margin:.2f})",
            " → ".join(wins),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines.append(f"\n{len(out)} rows of {sum(tally.came for tally in tallies.values())}.")
    return "\n".join(lines) + "\n"


def log(tallies: dict[str, Tally]) -> str:
    """The same as JSON lines."""
    return "".join(
        json.dumps({
            "source": source, "came": tally.came, "dropped": dict(tally.dropped),
            "before": vars(tally.before), "after": vars(tally.after),
        }) + "\n"
        for source, tally in sorted(tallies.items())
    )  # fmt: skip
