"""Curation on rows of our own."""

import json
import random

import pytest

from lunette_train import filters, shortcuts
from lunette_train.curate import sieve
from lunette_train.row import Row, read, write
from lunette_train.rubrics import labelled, pick, rescale
from lunette_train.sources import judgements, pairs, solutions
from lunette_train.sources.files import records

WORDS = "moon sky tide night light wave star cloud rain wind shore glass stone river field".split()


def text(draw, count):
    return " ".join(draw.choices(WORDS, k=count))


def pair(number, a, b, better="a", **more):
    fields = {
        "id": f"x/{number}", "source": "x", "license": "MIT", "group": f"x/{number}", "task": "compare",
        "input": f"question {number}", "responseA": a, "responseB": b,
        "labels": {"a": float(better == "a"), "b": float(better == "b")}, "criteria": "Which is better?",
    }  # fmt: skip
    return Row(**{**fields, **more})


def test_rows_survive_the_file(tmp_path):
    rows = [pair(1, "a", "b"), pair(2, "naïve 東京", "b", better="b")]
    assert write(tmp_path / "rows.jsonl", rows) == 2
    assert list(read(tmp_path / "rows.jsonl")) == rows


def test_overlap_is_thirteen_words_in_sequence():
    known = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    overlap = filters.Overlap([known])
    assert overlap.meets(pair(1, f"so: {known.upper()}!", "no"))
    assert not overlap.meets(pair(1, known.replace("seven", "7"), "no"))
    # A sequence does not go on from one text into the next.
    words = known.split()
    assert not overlap.meets(pair(1, " ".join(words[7:]), "no", input=" ".join(words[:7])))


def test_what_is_unfit_is_counted():
    rows = [
        pair(1, "one", "two"), pair(1, "two", "one"), pair(2, "", "two"), pair(3, "same", " same "),
        pair(4, "word " * 1000, "two"),
    ]  # fmt: skip
    kept, tallies = sieve(rows, filters.Overlap([]))
    assert [row.id for row in kept["x"]] == ["x/1"]
    assert dict(tallies["x"].dropped) == {"duplicate": 1, "empty": 1, "same": 1, "too long": 1}


def test_length_does_not_tell_the_winner_after_balancing():
    draw = random.Random(1)
    rows = []
    for number in range(400):
        short, long = text(draw, draw.randint(5, 20)), text(draw, draw.randint(21, 40))
        # The shorter one wins four times in five.
        winner, loser = (short, long) if draw.random() < 0.8 else (long, short)
        first = draw.random() < 0.5
        rows.append(pair(number, *((winner, loser) if first else (loser, winner)), better="a" if first else "b"))
    before = shortcuts.report(rows)
    assert before.accuracy > 0.75 and before.longer_wins < 0.25
    balanced = shortcuts.balance(rows, seed=1)
    after = shortcuts.report(balanced, seed=7)
    assert after.accuracy < 0.6 and 0.4 < after.longer_wins < 0.6
    assert len(balanced) >= 150


def test_nothing_to_tell_drops_little():
    draw = random.Random(2)
    rows = [pair(n, text(draw, 20), text(draw, 20), better=draw.choice("ab")) for n in range(300)]
    assert len(shortcuts.balance(rows, seed=1)) > 200


def test_scales_are_moved_with_their_labels():
    scale = {n: f"level {n}" for n in range(1, 6)}
    described, labels = rescale(scale, {"4": 1.0}, 3)
    assert described == {1: "level 1", 2: "level 3", 3: "level 5"} and labels == {"2": 0.5, "3": 0.5}
    described, labels = rescale(scale, {"5": 0.5, "2": 0.5}, 11)
    assert described[0] == "level 1" and described[10] == "level 5" and labels == {"10": 0.5, "2": 0.25, "3": 0.25}
    with pytest.raises(ValueError):
        rescale(scale, {}, 7)


def test_labels_follow_the_wording_of_their_rubric():
    seeds = [str(n) for n in range(60)]
    rubrics = {labelled("grounded", seed, True)[0]["objective"]: labelled("grounded", seed, True)[1] for seed in seeds}
    assert rubrics["Is everything that the response says supported by the context?"] == {"Yes": 1.0}
    assert rubrics["Does the response add facts that the passage does not give?"] == {"No": 1.0}
    orders = {tuple(labelled("grounded", seed, True)[0]["labels"]) for seed in seeds}
    assert ("Yes", "No") in orders and ("No", "Yes") in orders
    assert pick("preference", "x") == pick("preference", "x")


def test_files_are_read_by_their_kind(tmp_path):
    (tmp_path / "a.tsv").write_text("x\ty\n1\ttwo\n")
    (tmp_path / "b.json").write_text('{"x": 1}\n{"x": 2}\n')
    assert records(tmp_path / "a.tsv") == [{"x": "1", "y": "two"}]
    assert records(tmp_path / "b.json") == [{"x": 1}, {"x": 2}]


def test_prometheus_is_taken_apart(tmp_path):
    levels = "\n".join(f"Score {n}: Level {n}." for n in range(1, 6))
    instruction = (
        "###The instruction to evaluate:\nSay moon.\n\n###Response to evaluate:\nMoon.\n\n"
        f"###Reference Answer (Score 5):\nThe moon.\n\n###Score Rubrics:\n[Is it moony?]\n{levels}\n\n###Feedback: "
    )
    row = {"idx": 1, "instruction": instruction, "gpt4_score": [4, 4, 5], "gpt4_feedback": ["Fine.", "Good.", "Best."]}
    folder = tmp_path / "prometheus-eval__prometheus-eval/eval/benchmark/data"
    folder.mkdir(parents=True)
    (folder / "vicuna_eval.json").write_text(json.dumps([row, {**row, "idx": 10}]))
    (folder / "mt_bench_eval.json").write_text("[]")
    [found] = judgements.prometheus(tmp_path)
    assert (found.input, found.response, found.reference) == ("Say moon.", "Moon.", "The moon.")
    assert found.rubric["scale"][5] == "Level 5." and found.labels == {"4": pytest.approx(2 / 3), "5": pytest.approx(1 / 3)}
    assert [critique.chosen for critique in found.critiques] == [True, True, False]


def test_conversations_differ_in_the_last_reply():
    talk = "\n\nHuman: Hello.\n\nAssistant:"
    assert pairs._conversations(f"{talk} Hi.", f"{talk} Go away.") == ("Human: Hello.", "Hi.", "Go away.")
    assert pairs._conversations(f"{talk} Hi.", "\n\nHuman: Bye.\n\nAssistant: Hi.")[0] == ""


def test_a_calculator_leaves_no_marks():
    assert solutions.plain("So 3 + 4 = <<3+4=7>>7 eggs << left") == "So 3 + 4 = 7 eggs << left"
