"""Stage `dev`: how well a judge agrees with people on the dev split, beside trivial judges and another model."""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

from .figures import MAIN, Judged, difference, summary
from .log import Log
from .lunette import Lunette
from .render import TASKS, add_lunette, lunette, render
from .row import Row
from .sources.dev_rows import POOLED, SETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of the labelled sets")
    parser.add_argument("--out", type=Path, required=True, help="a folder for verdicts and figures; what is there is kept")
    add_lunette(parser)
    parser.add_argument("--lora", type=Path, help="a GGUF adapter that `export` wrote, put on the base by the program")
    parser.add_argument("--weights", type=Path, help="for PyTorch: the base as `unpack` wrote it [the GGUF file itself]")
    parser.add_argument("--adapter", type=Path, help="judge by PyTorch, with this adapter on the base; for quick looks")
    parser.add_argument("--torch", action="store_true", help="judge by PyTorch without an adapter")
    parser.add_argument("--against", type=Path, help="such a folder of another model, for paired differences")
    parser.add_argument("--sets", nargs="*", choices=sorted(SETS), default=list(SETS), metavar="NAME")
    parser.add_argument("--most", type=int, default=0, help="rows of a set, drawn by the seed [all]")
    parser.add_argument("--max-tokens", type=int, default=2048, help="rows with a longer prompt are left out")
    parser.add_argument("--budget", type=int, default=2048, help="tokens of one forward pass of PyTorch")
    parser.add_argument("--seed", type=int, default=1)


def run(options: argparse.Namespace) -> None:
    rows = sample(options.data, options.sets, options.most, options.seed)
    program, file = lunette(options), options.out / "verdicts.jsonl"
    if options.adapter or options.torch:
        by_torch(rows, program, options, file)
    else:
        if options.lora:
            program.more += ["--adapter", str(options.lora)]
        by_lunette(rows, program, options.out, file)
    judged = load(rows, file)
    theirs = load(rows, options.against / "verdicts.jsonl") if options.against else {}
    lines = figures(judged, theirs, options.seed)
    text = table(lines)
    (options.out / "figures.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (options.out / "figures.md").write_text(text, encoding="utf-8")
    Log(options.out / "log.jsonl").write("judged", rows=len(judged), of=len(rows), options=vars(options))
    print(text)


def sample(data: Path, sets: list[str], most: int, seed: int) -> list[Row]:
    rows = []
    for name in sets:
        of_set = list(SETS[name](data))
        rows += random.Random(f"{seed} {name}").sample(of_set, most) if most and len(of_set) > most else of_set
    return rows


def by_lunette(rows: list[Row], program: Lunette, out: Path, file: Path) -> None:
    """Through the engine that people use, on the file that they load. Goes on where it was interrupted."""
    found: dict[str, list[dict[str, float]]] = {}
    for task in TASKS:
        chosen = [row for row in rows if row.task == task]
        if not chosen:
            continue
        for line in program.verdicts(task, chosen, out / f"{task}.jsonl", "--no-critique"):
            if "verdict" in line:
                found[line["id"]] = orders(task, line["verdict"])
    save(file, found)


def orders(task: str, verdict: dict) -> list[dict[str, float]]:
    """The probabilities that a verdict of `lunette` stands on, outside included by what is missing."""
    if task != "compare":
        return [verdict["distribution"]]
    return [
        {"a": order["probabilityA"] * (1 - order["outside"]), "b": (1 - order["probabilityA"]) * (1 - order["outside"])}
        for order in verdict["orders"]
    ]


def by_torch(rows: list[Row], program: Lunette, options: argparse.Namespace, file: Path) -> None:
    from . import model as models
    from .reading import read

    known = _verdicts(file) if file.exists() else {}
    book = render([row for row in rows if row.id not in known], program, 1, options.max_tokens, {})
    if not book.rows:
        return
    model = models.base(options.weights or options.base)
    if options.adapter:
        model = models.with_adapter(model, options.adapter)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as out:
        for row, found in read(model, book, options.budget):
            out.write(json.dumps({"id": row.id, "orders": found}) + "\n")
            out.flush()


def save(file: Path, found: dict[str, list[dict[str, float]]]) -> None:
    lines = (json.dumps({"id": id, "orders": orders}) + "\n" for id, orders in found.items())
    file.write_text("".join(lines), encoding="utf-8")


def _verdicts(file: Path) -> dict[str, list[dict[str, float]]]:
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    # A line that was cut short is judged again.
    whole = [json.loads(line) for line in lines if line.endswith("\n")]
    return {line["id"]: line["orders"] for line in whole}


def load(rows: list[Row], file: Path) -> dict[str, Judged]:
    found = _verdicts(file)
    return {row.id: Judged(row, found[row.id]) for row in rows if row.id in found}


def figures(judged: dict[str, Judged], theirs: dict[str, Judged], seed: int) -> list[dict]:
    sets: dict[str, list[Judged]] = defaultdict(list)
    for one in judged.values():
        sets[one.row.source].append(one)
    pooled = [one for name in POOLED for one in sets.get(name, [])]
    if pooled:
        sets["pairs, pooled"] = pooled
    lines = []
    for name, ours in sets.items():
        line = {"set": name, **summary(ours, seed)}
        both = [one for one in ours if one.row.id in theirs]
        if both:
            measure = MAIN[both[0].row.task][1]
            found = difference(measure, both, [theirs[one.row.id] for one in both], seed)
            line |= {"than_other": found.value, "than_other_low": found.low, "than_other_high": found.high}
        lines.append(line)
    return lines


COLUMNS = ("set", "n", "figure", "95%", "trivial", "majority", "flips", "longer chosen", "outside", "ECE", "better by")


def table(lines: list[dict]) -> str:
    out = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for line in lines:
        show = lambda name: f"{line[name]:.2f}" if name in line else ""
        better = ""
        if "than_other" in line:
            better = f"{line['than_other']:+.2f} [{line['than_other_low']:+.2f}, {line['than_other_high']:+.2f}]"
        cells = [
            line["set"], line["n"], f"{line['figure']} {show('value')}", f"[{show('low')}, {show('high')}]",
            f"{line['trivial']} {show('trivial_value')}", show("majority"), show("flips"), show("longer_chosen"),
            show("outside"), show("ece"), better,
        ]  # fmt: skip
        out.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(out) + "\n"
