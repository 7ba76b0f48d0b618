"""The train split of the labelled sets, one function a set: from the files of a data folder to rows.

`TRAIN` are the sets to train on, `DEV` the texts of those to choose by: nothing of them may be trained on.
"""

from __future__ import annotations

from . import dev, judgements, made, pairs, solutions

TRAIN = {
    "prometheus": judgements.prometheus,
    "hh-rlhf": pairs.hh_rlhf,
    "pandalm": pairs.pandalm,
    "llmbar": pairs.llmbar,
    "truthfulqa": pairs.truthfulqa,
    "begin": judgements.begin,
    "halueval": judgements.halueval,
    "roscoe": judgements.roscoe,
    "gsm8k": solutions.gsm8k,
    "outcomes": solutions.outcomes,
    "begin-pairs": made.begin_pairs,
    "elsewhere": made.elsewhere,
    "damaged": made.damaged,
    "graded": made.graded,
}

# Sources for the reward stage alone, which only a call that names them takes.
REWARD = {"outcomes"}

DEV = dev.texts

__all__ = ["DEV", "REWARD", "TRAIN"]
