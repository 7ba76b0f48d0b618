"""`python -m lunette_train STAGE …`, or `lunette-train STAGE …`."""

from __future__ import annotations

import argparse

from . import curate

STAGES = {"curate": curate}


def main() -> None:
    parser = argparse.ArgumentParser("lunette-train", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, stage in STAGES.items():
        stage.add_arguments(stages.add_parser(name, help=stage.__doc__.splitlines()[0]))
    options = parser.parse_args()
    STAGES[options.stage].run(options)


if __name__ == "__main__":
    main()
