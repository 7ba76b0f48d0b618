"""Reading the files of a data folder."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path


def records(path: Path) -> list[dict]:
    """The rows of a JSON, JSON lines, CSV or TSV file, gzipped or not. A JSON file may be JSON lines within."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        text = file.read()
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1]
    if kind in ("csv", "tsv"):
        return list(csv.DictReader(text.splitlines(keepends=True), delimiter="\t" if kind == "tsv" else ","))
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
