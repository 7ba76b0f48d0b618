"""What makes a row unfit to train on, whatever its label."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from .row import Row

# Words that a row of dev and a row of train may not share in sequence.
GRAM = 13
# Words of a whole task: more costs too much to train, and is cut by no one.
MOST_WORDS = 900
_WORD = re.compile(r"\w+")


def grams(text: str, n: int = GRAM) -> set[tuple[str, ...]]:
    words = [word.lower() for word in _WORD.findall(text)]
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


class Overlap:
    """Finds the rows that share a 13-gram of words with a dev row."""

    def __init__(self, texts: Iterable[str]):
        self._known: set[int] = set()
        for text in texts:
            self._known.update(map(hash, grams(text)))

    def meets(self, row: Row) -> bool:
        # Text by text: a sequence of words does not go on from one text into the next.
        texts = [row.input, row.context, row.reference, *row.responses]
        return any(hash(gram) in self._known for text in texts if text for gram in grams(text))


def too_long(row: Row) -> bool:
    return len(row.text.split()) > MOST_WORDS


def empty(row: Row) -> bool:
    return not row.input.strip() or not all(text.strip() for text in row.responses)


def same(row: Row) -> bool:
    """A pair of two equal responses."""
    return row.task == "compare" and row.responseA.split() == row.responseB.split()


def undecided(row: Row) -> bool:
    """A comparison or label on which the raters split evenly teaches nothing; a score between two levels does."""
    return row.task == "classify" and max(row.labels.values()) <= 0.5


@cache
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def foreign(row: Row) -> bool:
    """Not in English, as far as a language identifier is sure. Short texts and numbers are let through."""
    return foreign_text(" ".join(row.responses))


def foreign_text(text: str) -> bool:
    if len(_WORD.findall(text)) < 20:
        return False
    language, sure = _identifier().classify(text)
    return language != "en" and sure > 0.9
