"""Packs against the same sequences one by one."""

import numpy as np
import pytest
import torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from lunette_train import attention
from lunette_train.model import log_probabilities
from lunette_train.packing import Pack, Run


@pytest.fixture(scope="module")
def tiny():
    torch.manual_seed(1)
    config = Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).eval()


def test_a_common_beginning_is_held_once():
    pack = Pack()
    assert pack.add([5, 6, 7]) == [0, 1, 2]
    assert pack.cost([5, 6, 8, 9]) == 2 and pack.cost([5, 6]) == 0
    assert pack.add([5, 6, 8, 9]) == [0, 1, 3, 4]
    assert pack.ids == [5, 6, 7, 8, 9] and pack.positions == [0, 1, 2, 2, 3]
    assert pack.runs() == [Run(0, 3, []), Run(3, 5, [(0, 2)])]
    pack.add([5, 6, 8, 1])
    assert pack.runs()[2] == Run(5, 6, [(0, 2), (3, 4)])


def test_a_sequence_in_a_pack_gets_what_it_gets_alone(tiny):
    draw = np.random.default_rng(1)
    shared = draw.integers(64, size=9).tolist()
    sequences = [[*shared, *draw.integers(64, size=n).tolist()] for n in (3, 7, 1, 12)] + [shared, [1, 2, 3]]
    pack = Pack()
    places = [pack.add(tokens) for tokens in sequences]
    tiny.set_attn_implementation(attention.NAME)
    found = log_probabilities(tiny, pack, [place[-1] for place in places])
    tiny.set_attn_implementation("eager")
    for tokens, row in zip(sequences, found):
        with torch.inference_mode():
            alone = tiny(torch.tensor([tokens])).logits[0, -1].log_softmax(-1)
        assert torch.allclose(row, alone, atol=1e-5)
