"""Stage `unpack`: a GGUF file's weights as Transformers keeps them, which load in a second in place of a minute."""

from __future__ import annotations

import argparse
from pathlib import Path

from .log import Log
from .model import base


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--base", type=Path, required=True, help="the model's GGUF file")
    parser.add_argument("--out", type=Path, required=True, help="a folder, for --weights of the other stages")


def run(options: argparse.Namespace) -> None:
    if (options.out / "config.json").exists():
        print(f"{options.out} is there")
        return
    model = base(options.base).bfloat16()
    # The folder appears when it is whole.
    part = options.out.with_name(options.out.name + ".part")
    model.save_pretrained(part)
    part.rename(options.out)
    Log(options.out / "log.jsonl").write("unpacked", base=options.base, parameters=model.num_parameters())
