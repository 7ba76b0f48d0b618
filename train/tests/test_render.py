"""Prompts against those that `lunette prompt` shows and `lunette` judges."""

import dataclasses
import json
import subprocess

import pytest

from lunette_train.lunette import fields
from lunette_train.render import mark_ends, render
from lunette_train.vocabulary import Vocabulary


@pytest.fixture(scope="module")
def book(program, rows):
    return render(rows, program, 1, 2048, {"base": "x"})


def shown(program, row, *more):
    command = [program.program, "prompt", row.task, "--no-critique", "--model", program.model, "--backend", "cpu", *more]
    done = subprocess.run(command, input=json.dumps(fields(row)), text=True, capture_output=True, check=True)
    return [prompt["tokens"] for prompt in json.loads(done.stdout)["prompts"]]


def test_tokens_are_those_of_lunette_prompt(program, rows, book):
    assert [row.id for row in book.rows] == [row.id for row in rows]
    for row, rendered in list(zip(rows, book.rows))[:3]:
        assert [prompt.tokens.tolist() for prompt in rendered.prompts] == shown(program, row)


def test_a_pair_has_both_orders(program, rows, book):
    row, rendered = rows[2], book.rows[2]
    turned = dataclasses.replace(row, responseA=row.responseB, responseB=row.responseA)
    first, second = rendered.prompts
    assert [first.swapped, second.swapped] == [False, True]
    assert second.tokens.tolist() == shown(program, turned, "--one-order")[0]
    assert (first.own("a"), second.own("a"), second.own("b")) == ("A", "B", "A")
    assert book.rows[0].labels == {"1": 0.5, "2": 0.5, "3": 0.0, "4": 0.0, "5": 0.0}


def test_responses_end_where_their_tokens_say(program, rows, book):
    vocabulary, by_id = Vocabulary.of(program.model), {row.id: row for row in rows}
    mark_ends(book, rows, vocabulary)
    for row in (row for row in book.rows if row.task == "compare"):
        texts = by_id[row.id].responses
        for prompt in row.prompts:
            for place, text in zip(prompt.ends, texts[::-1] if prompt.swapped else texts, strict=True):
                # The token in which it ends may hold what follows.
                assert text.encode() in vocabulary.text(prompt.tokens[: place + 1])
                assert text.encode() not in vocabulary.text(prompt.tokens[prompt.ends[0] - 8 : place])
    assert vocabulary.ends(book.rows[-1].prompts[0].tokens, ["not there"]) is None


def test_labels_are_written_behind_the_marker(program, book):
    assert set(book.spellings) == {"1", "2", "3", "4", "5", "Yes", "Not at all", "A", "B"}
    marker = program.replies(["**Result:**"])[0][:-1]
    for label, ways in book.spellings.items():
        assert marker + ways[0] + [book.end] == program.replies([f"**Result:** {label}"])[0]
        assert len({tuple(way) for way in ways}) == len(ways)
    for rendered in book.rows:
        for prompt in rendered.prompts:
            assert prompt.tokens[-len(marker) :].tolist() == marker


def test_a_row_that_is_too_long_is_left_out(program, rows):
    long = dataclasses.replace(rows[1], id="long", response="word " * 3000)
    assert [row.id for row in render([long, rows[1]], program, 1, 2048, {}).rows] == ["k"]
