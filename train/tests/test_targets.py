"""What a verdict's tokens shall be, and the losses over them."""

import math
import random

import numpy as np
import pytest
import torch

from lunette_train.prompts import Book, Prompt, Rendered
from lunette_train.reading import of_pair
from lunette_train.targets import fork, verdict
from lunette_train.verdict import Collator, Drawn, ending, losses, pack_epoch, single

END = 99
SPELLINGS = {
    "A": [[10], [11]], "B": [[20], [21]],
    # A space, and digits one by one.
    "1": [[5, 1], [1]], "2": [[5, 2], [2]], "10": [[5, 1, 0], [1, 0]],
    "Not true": [[30, 31]], "True": [[32]],
}  # fmt: skip


def test_every_place_has_the_shares_of_the_labels_that_go_on_there():
    found = verdict({"1": 0.25, "2": 0.5, "10": 0.25}, "10", SPELLINGS, END)
    assert found.path == [5, 1, 0]
    assert found.next == [{5: 1.0}, {1: 0.5, 2: 0.5}, {END: 0.5, 0: 0.5}, {END: 1.0}]
    # A label of no rater is no target.
    assert verdict({"A": 1.0, "B": 0.0}, "A", SPELLINGS, END).next == [{10: 1.0}, {END: 1.0}]


def test_labels_part_behind_what_they_have_in_common():
    assert fork(["1", "2", "10"], SPELLINGS) == (1, [1, 2, 1])
    assert fork(["A", "B"], SPELLINGS) == (0, [10, 20])
    assert fork(["Not true", "True"], SPELLINGS) == (0, [30, 32])


def pair(number, tokens, a=1.0):
    prompts = [Prompt(False, np.array(tokens)), Prompt(True, np.array([*tokens[:-1], 7]))]
    return Rendered(f"x/{number}", "x", f"x/{number}", "compare", {"a": a, "b": 1 - a}, prompts)


def batch(rows, labels):
    book = Book(rows, SPELLINGS, END, {})
    return Collator(book)([[Drawn(row, label) for row, label in zip(rows, labels)]])


def test_orders_that_agree_have_no_divergence_and_a_place_has_much():
    row = pair(1, [1, 2, 3])
    given = batch([row], ["a"])
    assert given["fork_tokens"].tolist() == [[[10, 20], [20, 10]]]
    logits = torch.full((len(given["logits_to_keep"]), 100), -20.0)
    first, second = given["fork_places"][0]
    # The same response in both orders, with 0.8.
    logits[first, 10], logits[first, 20] = math.log(0.8), math.log(0.2)
    logits[second, 20], logits[second, 10] = math.log(0.8), math.log(0.2)
    nll, divergence = losses(logits, given)
    assert divergence.item() == pytest.approx(0, abs=1e-5)
    # The first place in both orders: KL of (0.8, 0.2) and (0.2, 0.8), twice.
    logits[second, 20], logits[second, 10] = math.log(0.2), math.log(0.8)
    assert losses(logits, given)[1].item() == pytest.approx(1.2 * math.log(4), rel=1e-4)


def test_the_ends_of_responses_are_ranked_by_their_raters():
    row = pair(1, [1, 2, 3, 4], a=0.75)
    for prompt in row.prompts:
        prompt.ends = [1, 2]
    given = batch([row], ["a"])
    # The two orders have their first three tokens in common; the share is that of the response that stands first.
    assert given["ends"].tolist() == [[1, 2], [1, 2]] and given["first_better"].tolist() == [0.75, 0.25]
    states = torch.zeros(8, 2)
    states[1, 0] = math.log(3)
    head = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.ones_(head.weight)
    sure = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    other = -(0.25 * math.log(0.75) + 0.75 * math.log(0.25))
    assert ending(head, states, given).item() == pytest.approx((sure + other) / 2, rel=1e-5)
    assert ending(head, states, batch([pair(2, [1, 2])], ["a"])).item() == 0


def test_the_loss_is_that_of_the_label_and_the_end():
    given = batch([pair(1, [1, 2, 3])], ["a"])
    logits = torch.zeros((len(given["logits_to_keep"]), 100))
    # Of each of two prompts a letter and an end, among 100 tokens.
    assert losses(logits, given)[0].tolist() == pytest.approx(2 * [2 * math.log(100)], rel=1e-5)


def test_packs_hold_every_row_once_and_keep_to_their_budget():
    rows = [pair(n, [1, 2, 3, 4, 100 + n, 5]) for n in range(30)]
    packs = pack_epoch(rows, random.Random(1), caps={"x": 0}, budget=20)
    assert sorted(drawn.row.id for pack in packs for drawn in pack) == sorted(row.id for row in rows)
    for pack in packs:
        seen = {tuple(prompt.tokens[:i]) for drawn in pack for prompt in drawn.row.prompts for i in range(1, 7)}
        assert len(seen) <= 20
    again = pack_epoch(rows, random.Random(1), caps={"x": 0}, budget=20)
    assert [[drawn.row.id for drawn in pack] for pack in packs] == [[drawn.row.id for drawn in pack] for pack in again]
    assert sum(map(len, pack_epoch(rows, random.Random(1), caps={"x": 8}, budget=20))) == 8


def test_rows_survive_the_file(tmp_path):
    book = Book([pair(1, [1, 2, 3]), pair(2, [4, 5])], SPELLINGS, END, {"base": "x"})
    book.save(tmp_path / "p.npz")
    found = Book.load(tmp_path / "p.npz")
    assert (found.spellings, found.end, found.about) == (SPELLINGS, END, {"base": "x"})
    for one, other in zip(found.rows, book.rows, strict=True):
        assert (one.id, one.labels) == (other.id, other.labels)
        for a, b in zip(one.prompts, other.prompts, strict=True):
            assert a.swapped == b.swapped and a.tokens.tolist() == b.tokens.tolist()


def test_pairs_that_are_read_one_by_one():
    good = torch.tensor([0.6, 0.3, 0.1])
    poor = torch.tensor([0.2, 0.6, 0.2])
    batch = {
        "singles": torch.tensor([[0, 1]]),
        "a_better": torch.tensor([1.0]),
        "good_and_poor": torch.tensor([0, 1]),
    }
    ranking, outside = single(torch.stack([good, poor]).log(), batch)
    # Log odds of 2 to 1 and of 1 to 3: 6 to 1 for a.
    assert ranking.item() == pytest.approx(-math.log(6 / 7), abs=1e-6)
    assert outside.item() == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2, abs=1e-6)
    read = of_pair({"Good": 0.6, "Poor": 0.3}, {"Good": 0.2, "Poor": 0.6})
    assert read["a"] / read["b"] == pytest.approx(6)
    assert sum(read.values()) == pytest.approx(0.85)
