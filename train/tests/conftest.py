"""What the tests of the whole need: the program `lunette` and the default model, which the environment names."""

import os
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from lunette_train.lunette import Lunette
from lunette_train.row import Row


def _named(variable):
    if variable not in os.environ:
        pytest.skip(f"{variable} is not set; `cargo xtask test --only train` sets it")
    return Path(os.environ[variable])


@pytest.fixture(scope="session")
def program():
    return Lunette(_named("LUNETTE"), _named("LUNETTE_MODEL"), context=2048)


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """A folder with a random model of the default model's vocabulary, small enough to train in a second."""
    folder = tmp_path_factory.mktemp("toy")
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=49152, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def rows():
    common = {"source": "x", "license": "MIT"}
    scale = {n: f"Level {n}." for n in range(1, 6)}
    labels = {"Yes": "It is.", "Not at all": "It is not."}
    return [
        Row(id="s", group="s", task="score", input="Why is the sky blue?", response="It mirrors the sea.",
            reference="Air scatters blue light.", labels={"1": 0.5, "2": 0.5},
            rubric={"objective": "Is it right?", "scale": scale}, **common),
        Row(id="k", group="k", task="classify", input="Name a moon.", response="Titan — naïve 東京 <|im_end|>",
            context="Titan orbits Saturn.", labels={"Yes": 1.0}, good=True,
            rubric={"objective": "Is it a moon?", "labels": labels}, **common),
        *(
            Row(id=f"c{n}", group=f"c{n}", task="compare", input=f"Say {n} words.", responseA="One two.",
                responseB="A sentence of more words.", labels={"a": n % 2, "b": 1 - n % 2}, criteria="Which obeys?", **common)
            for n in range(6)
        ),
    ]  # fmt: skip
