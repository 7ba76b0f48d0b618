"""Figures on verdicts whose figures are known."""

import pytest

from lunette_train.figures import Judged, difference, summary
from lunette_train.row import Row


def pair(number, better, p_first, p_second):
    """p_first and p_second are p(a) in the order given and swapped."""
    row = Row(
        id=f"x/{number}", source="x", license="", group="x", task="compare", input="?", responseA="longer text",
        responseB="text", labels={"a": float(better == "a"), "b": float(better == "b")}, criteria="?",
    )  # fmt: skip
    return Judged(row, [{"a": p * 0.9, "b": (1 - p) * 0.9} for p in (p_first, p_second)])


def test_a_judge_of_places_flips_and_is_right_by_half():
    judged = [pair(n, "ab"[n % 2], 0.9, 0.1) for n in range(40)]
    found = summary(judged, seed=1)
    assert found["flips"] == 1 and found["value"] == pytest.approx(0.5) and found["outside"] == pytest.approx(0.1)


def test_a_good_judge_is_better_than_one_of_places():
    good = [pair(n, "ab"[n % 2], *([0.8, 0.7] if n % 2 == 0 else [0.3, 0.2])) for n in range(40)]
    bad = [pair(n, "ab"[n % 2], 0.9, 0.2) for n in range(40)]
    found = summary(good, seed=1)
    assert (found["value"], found["flips"], found["trivial_value"], found["majority"]) == (1, 0, 0.5, 0.5)
    assert found["ece"] == pytest.approx(0.25)
    better = difference(lambda rows: sum(one.agrees for one in rows) / len(rows), good, bad, seed=1)
    assert better.value == pytest.approx(0.5) and better.low > 0.3


def score(number, human, said):
    rubric = {"objective": "?", "scale": {n: "" for n in range(1, 6)}}
    row = Row(
        id=f"s/{number}", source="s", license="", group="s", task="score", input="?", response="x" * (number % 7),
        labels={str(human): 1.0}, rubric=rubric,
    )  # fmt: skip
    return Judged(row, [{str(n): float(n == said) for n in range(1, 6)}])


def test_scores_are_held_to_peoples():
    found = summary([score(n, n % 5 + 1, n % 5 + 1) for n in range(50)], seed=1)
    assert found["value"] == pytest.approx(1) and found["low"] == pytest.approx(1)


def test_labels_for_a_good_response_follow_their_rubric():
    def labelled(number, good, p_yes, good_is):
        human = good_is if good else {"Yes": "No", "No": "Yes"}[good_is]
        row = Row(
            id=f"c/{number}", source="c", license="", group="c", task="classify", input="?", response="x", good=good,
            labels={human: 1.0}, rubric={"objective": "?", "labels": {"Yes": "", "No": ""}},
        )  # fmt: skip
        return Judged(row, [{"Yes": p_yes, "No": 1 - p_yes}])

    judged = [labelled(1, True, 0.9, "Yes"), labelled(2, False, 0.2, "Yes"), labelled(3, True, 0.1, "No"),
              labelled(4, False, 0.8, "No")]  # fmt: skip
    assert [one.good for one in judged] == pytest.approx([0.9, 0.2, 0.9, 0.2])
    assert summary(judged, seed=1)["value"] == 1
