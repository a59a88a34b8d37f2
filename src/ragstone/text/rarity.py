"""Which words are so rare that they may be the name of something, though they are written in small letters."""

from __future__ import annotations

from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

from ragstone.text.analyzer import terms

__all__ = ["LISTED", "rare", "spelled_alike"]

LISTED = frozenset({"en"})
"""Languages whose common stems are listed."""

_STEMS = Path(__file__).with_name("common_stems.txt")  # benchmarks/common_stems.py wrote it
_ALIKE = 0.75  # of the letters of two spellings of one word are the same


def rare(word: str, *, language: str) -> bool:
    """Whether no stem of a word is common; False where the language has no list.

    >>> rare("django", language="en"), rare("system", language="en"), rare("django", language="de")
    (True, False, False)
    """
    return language in LISTED and _common().isdisjoint(terms(word, language=language))


def spelled_alike(one: str, other: str) -> bool:
    """Whether two words are one in two spellings, or with a slip of the pen.

    >>> spelled_alike("favourite", "favorite"), spelled_alike("calcium", "sodium")
    (True, False)
    """
    return one[0] == other[0] and SequenceMatcher(None, one, other).ratio() >= _ALIKE


@cache
def _common() -> frozenset[str]:
    return frozenset(_STEMS.read_text(encoding="utf-8").split())
