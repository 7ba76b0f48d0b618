"""Figures of a reward model, over rewards that are known."""

import argparse

import numpy as np
import pytest

from lunette_train import reward_dev
from lunette_train.sources.reward_rows import Chain, Problem


class Rewards:
    """In place of the program: of each response what a table says."""

    def __init__(self, table):
        self.table = table

    def of(self, name, asked):
        return [[self.table[text] for text in texts] for _, texts in asked]

    def likelihoods(self, name, asked):
        return None


def verdict(reward, q, fall=None):
    return {"reward": reward, "q": q, "minimum": {"q": min(q), "at": int(np.argmin(q))}, "fall": fall, "end": q[-1]}


def figures(lines):
    return {(line["figure"], line["by"]): line["value"] for line in lines}


def test_solutions_are_told_apart_and_voted_on(monkeypatch):
    rows = [
        Problem("p", ["It is 4.", "So 5 apples", "It makes 4", "1,005.5."], [True, False, True, False]),
        Problem("q", ["7", "8", "9", "x = -8"], [False, True, False, False]),
    ]
    assert [row.answers for row in rows] == [["4", "5", "4", "1005.5"], ["7", "8", "9", "-8"]]
    monkeypatch.setattr(reward_dev, "problems", lambda data: rows)
    good, bad = verdict(2.0, [0.1, 0.5]), verdict(1.0, [0.3, -0.5], fall=1)
    table = {text: good if right else bad for row in rows for text, right in zip(row.responses, row.right)}
    found = figures(reward_dev.of_solutions(argparse.Namespace(data=None, seed=1), Rewards(table), None))
    assert found["AUROC", "reward"] == 1.0 and found["AUROC", "least Q"] == 1.0
    # After a fifth of two tokens the first one counts, and it is lower for what is right.
    assert found["AUROC", "Q after 20%"] == 0.0 and found["AUROC", "Q after 100%"] == 1.0
    # The vote of the second problem is even among four, and without what falls there is one voter.
    assert found["accuracy", "vote"] == pytest.approx((1 + 0.25) / 2) and found["accuracy", "vote without falls"] == 1.0
    assert found["accuracy", "one at random"] == pytest.approx((0.5 + 0.25) / 2)
    assert found["accuracy", "best reward"] == 1.0 and found["tokens saved", "vote without falls"] == pytest.approx(5 / 16)


def test_a_chain_is_wrong_where_q_falls_furthest():
    chain = Chain("x", "?", ["One is 1.", "Two is 3.", "So 4."], 1)
    tokens = ["One", " is 1.", "\n", "Two is", " 3.", "\nSo", " 4."]
    found = {"tokens": tokens, "q": [0.5, 0.6, 0.6, 0.2, 0.1, 0.4, 0.0]}
    assert "".join(tokens) == chain.response and reward_dev._fall(chain, found) == 1
    found["q"][4:] = [0.5, 0.4, -0.5]
    assert reward_dev._fall(chain, found) == 2


def test_equal_scores_are_half_right():
    scores = np.array([[1.0, 2.0], [2.0, 1.0], [1.0, 1.0]])
    assert reward_dev._right(scores, np.array([False, False, True])) == [1.0, 0.0, 0.5]
