"""The bytes of a model's tokens: where in a prompt a text ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import gguf
import numpy as np


class Vocabulary:
    """Of byte-level BPE, as GPT-2's: each character of a token stands for a byte."""

    def __init__(self, tokens: Iterable[str]):
        byte = _bytes()
        # Names of control tokens may hold other characters; no text does.
        self._tokens = [bytes(byte.get(char, ord("?")) for char in token) for token in tokens]

    @staticmethod
    def of(base: Path) -> Vocabulary | None:
        """`None` for a vocabulary of another kind."""
        fields = gguf.GGUFReader(base).fields
        if fields["tokenizer.ggml.model"].contents() != "gpt2":
            return None
        return Vocabulary(fields["tokenizer.ggml.tokens"].contents())

    def text(self, tokens: Sequence[int]) -> bytes:
        return b"".join(self._tokens[token] for token in tokens)

    def ends(self, tokens: Sequence[int], texts: list[str]) -> list[int] | None:
        """The place of the token that each of these texts ends in, one text behind the other; `None` where one is not found."""
        pieces = [self._tokens[token] for token in tokens]
        whole, behind = b"".join(pieces), np.cumsum([len(piece) for piece in pieces])
        at, places = 0, []
        for text in texts:
            # A template may trim what it is given.
            wanted = text.strip().encode()
            start = whole.find(wanted, at)
            if start < 0 or not wanted:
                return None
            at = start + len(wanted)
            places.append(int(np.searchsorted(behind, at)))
        return places


def _bytes() -> dict[str, int]:
    """GPT-2's table: bytes that print are themselves, the others follow from U+0100 on."""
    printed = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printed]
    return {**{chr(byte): byte for byte in printed}, **{chr(0x100 + i): byte for i, byte in enumerate(others)}}
