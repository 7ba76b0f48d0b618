"""The reward model's loss against the formula written out in plain numbers."""

import math

import numpy as np
import torch

from lunette_train.goals import Sampled, contrastive, ranking, sample


def plain(pairs, samples):
    """The same, number by number."""
    cos = lambda a, b: sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))
    sigma = lambda x: 1 / (1 + math.exp(-x))
    near, far = [], []
    for (chosen, rejected), s in zip(pairs, samples):
        near += [sigma(cos(chosen[i], chosen[j])) for i in s.source for j in s.goal]
        far += [sigma(cos(chosen[i], rejected[j])) for i in s.far_source for j in s.far_goal]
    return -math.log(sum(near) / len(near)) - math.log(1 - sum(far) / len(far))


def case(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = [(7, 3), (1, 5), (12, 1)]
    pairs = [tuple(torch.randn(n, 6, generator=generator, dtype=torch.float64) for n in two) for two in sizes]
    return pairs, [sample(*two, generator, 4) for two in sizes]


def test_the_loss_is_the_papers():
    for seed in range(5):
        pairs, samples = case(seed)
        lists = [tuple(states.tolist() for states in two) for two in pairs]
        assert abs(float(contrastive(pairs, samples)) - plain(lists, samples)) < 1e-6


def test_its_gradient_is_that_of_small_steps():
    pairs, samples = case(9)
    states = pairs[0][0].requires_grad_()
    contrastive(pairs, samples).backward()
    step = 1e-6
    for at in np.ndindex(*states.shape):
        moved = []
        for sign in (1, -1):
            other = states.detach().clone()
            other[at] += sign * step
            moved.append(float(contrastive([(other, pairs[0][1]), *pairs[1:]], samples)))
        assert abs((moved[0] - moved[1]) / (2 * step) - float(states.grad[at])) < 1e-6


def test_ranking_is_a_logistic_loss():
    better, worse = torch.tensor([2.0, -1.0]), torch.tensor([0.5, 1.0])
    expected = sum(math.log(1 + math.exp(w - b)) for b, w in zip(better.tolist(), worse.tolist())) / 2
    assert abs(float(ranking(better, worse)) - expected) < 1e-6


def test_goals_stand_behind_their_sources():
    found = sample(40, 9, torch.Generator().manual_seed(1), 500)
    assert (found.goal >= found.source).all() and found.goal.max() == 39 and found.source.min() == 0
    assert found.far_source.max() < 40 and found.far_goal.max() == 8
    assert isinstance(found, Sampled) and len(found.far_goal) == 500
