"""The loss of goal-conditioned reward models (Nath et al. 2024, arXiv 2407.13887).

A response's states shall be near those that the preferred response comes to, and far from those of the rejected one: then the
cosine of a state and a goal says from each token on how well a response is likely to end.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

# States of each kind that a pair gives; the cosines are those of all with all.
SAMPLES = 16


def ranking(better: torch.Tensor, worse: torch.Tensor) -> torch.Tensor:
    """−log σ(r⁺ − r⁻), a pair's mean."""
    return -F.logsigmoid(better - worse).mean()


@dataclass
class Sampled:
    """Places of tokens: `[samples]` each. A goal of `near` stands behind its source, or is it."""

    source: torch.Tensor
    goal: torch.Tensor
    far_source: torch.Tensor
    # In the rejected response.
    far_goal: torch.Tensor


def sample(chosen: int, rejected: int, generator: torch.Generator, count: int = SAMPLES) -> Sampled:
    """Places in a pair of responses of so many tokens."""
    draw = lambda length, *shape: torch.randint(length, shape, generator=generator)
    source, goal = draw(chosen, 2, count).sort(dim=0).values
    return Sampled(source, goal, draw(chosen, count), draw(rejected, count))


def contrastive(pairs: list[tuple[torch.Tensor, torch.Tensor]], samples: list[Sampled]) -> torch.Tensor:
    """−log mean σ(cos(s, g⁺)) − log(1 − mean σ(cos(s, g⁻))), the means over all cosines of all pairs.

    `pairs` are the states of the chosen and of the rejected response, `[tokens, width]`.
    """
    near = torch.cat([cosines(chosen[s.source], chosen[s.goal]) for (chosen, _), s in zip(pairs, samples)])
    far = torch.cat([cosines(chosen[s.far_source], rejected[s.far_goal]) for (chosen, rejected), s in zip(pairs, samples)])
    return -near.sigmoid().mean().log() - (1 - far.sigmoid().mean()).log()


def cosines(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Of each row of `a` with each row of `b`."""
    return (F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).T).flatten()
