"""Attention within a pack: each run of tokens against the tokens before it in its own sequence, and no others.

One product over the whole pack under a mask would compute mostly what the mask then hides: of 2048 tokens in sequences of
400, four fifths. Plain products, since PyTorch's fused attention takes three times as long for bfloat16 on a CPU.
Registered with Transformers under `NAME`; the model takes the pack's runs as the argument `runs`.
"""

from __future__ import annotations

import torch
from transformers import AttentionInterface

from .packing import Run

NAME = "pack"


def attention(
    module: torch.nn.Module, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: None,
    *, runs: list[Run], scaling: float, **_,
) -> tuple[torch.Tensor, None]:  # fmt: skip
    """[1, heads, n, width] to [1, n, heads, width]."""
    given = [query[0], key[0], value[0]]
    if not torch.is_grad_enabled():
        # What is measured is measured well: bfloat16 has two to three digits.
        given = [x.float() for x in given]
    found = [_of_run(run, *given, scaling) for run in runs]
    return torch.cat(found, dim=1).transpose(0, 1)[None].to(query.dtype), None


def _of_run(run: Run, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scaling: float) -> torch.Tensor:
    """[heads, tokens, width]. The heads that share keys stand one below the other, so that nothing is repeated."""
    spans = [*run.before, (run.start, run.end)]
    key, value = (torch.cat([x[:, start:end] for start, end in spans], dim=1) for x in (key, value))
    own = query[:, run.start : run.end]
    shared, tokens, seen = len(query) // len(key), own.shape[1], key.shape[1]
    later = torch.full((tokens, seen), float("-inf"), dtype=own.dtype, device=own.device).triu(seen - tokens + 1)
    later = later.repeat(shared, 1).expand(len(key), -1, -1)
    scores = torch.baddbmm(later, own.reshape(len(key), shared * tokens, -1), key.transpose(1, 2), alpha=scaling)
    return (scores.softmax(-1) @ value).reshape(own.shape)


AttentionInterface.register(NAME, attention)
