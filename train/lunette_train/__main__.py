"""`python -m lunette_train STAGE …`, or `lunette-train STAGE …`."""

from __future__ import annotations

import argparse
import importlib

# In the order in which they are run.
STAGES = {
    "curate": "the train split of the labelled sets, filtered and balanced, as one file of tasks",
    "render": "rows to the tokens of their prompts, by `lunette prompt`",
    "unpack": "a GGUF file's weights as Transformers keeps them, to load in a second",
    "verdict": "LoRA on the verdict's tokens, both orders of a pair held to one another",
    "critiques": "critiques that lead to people's verdict, and others that do not",
    "judge": "DPO and NLL on critiques and verdicts",
    "reward": "a goal-conditioned reward model, from pairs",
    "export": "an adapter or a whole model as GGUF",
    "dev": "figures of a judge on the dev split",
    "reward-dev": "figures of a reward model on the dev split",
}


def main() -> None:
    parser = argparse.ArgumentParser("lunette-train", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, what in STAGES.items():
        stages.add_parser(name, help=what, add_help=False)
    chosen, rest = parser.parse_known_args()
    # PyTorch takes seconds to load, so only the stage that runs is imported.
    stage = importlib.import_module(f".{chosen.stage.replace('-', '_')}", __package__)
    parser = argparse.ArgumentParser(f"lunette-train {chosen.stage}", description=stage.__doc__)
    stage.add_arguments(parser)
    stage.run(parser.parse_args(rest))


if __name__ == "__main__":
    main()
