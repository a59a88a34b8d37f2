"""Whether two answers to one question say the same: the one that was served, and one that was made afresh."""

from __future__ import annotations

import re
from collections.abc import Callable, Set

from ragstone.text.answers import plain_words, same_answer
from ragstone.text.features import dates, names, negations, numbers
from ragstone.text.language import UNKNOWN, detect
from ragstone.types import Answer

__all__ = ["agree"]

SHARED = 0.5
"""The share of words that two answers have in common at least (of the shorter one's) that say the same in other
words. What two models write of one fact shares more; two facts of one document share less."""

_MARKER = re.compile(r"\s?\[\d+\]")


def agree(first: Answer, second: Answer) -> bool:
    """Whether nobody who got the first answer would have been told something else by the second.

    Both abstain, or neither does. Equal texts agree, and equal outputs of a form. Others contradict each other where
    one has numbers, dates or names which the other has others in place of, or where one denies. What is left agrees if
    both cite a place in common, or share half of their words.
    """
    if first.abstained or second.abstained:
        return first.abstained and second.abstained
    if first.parsed is not None or second.parsed is not None:
        return _plain(first.parsed) == _plain(second.parsed)
    one, other = _MARKER.sub("", first.text), _MARKER.sub("", second.text)
    if same_answer(one, other) and same_answer(other, one):
        return True
    if _contradict(one, other):
        return False
    cited = {citation.chunk_id for citation in first.citations} & {citation.chunk_id for citation in second.citations}
    here, there = set(plain_words(one)), set(plain_words(other))
    share = len(here & there) / max(1, min(len(here), len(there)))
    return share >= SHARED or (bool(cited) and share >= SHARED / 2)


def _contradict(one: str, other: str) -> bool:
    """Whether each has facts of a kind that the other lacks: one that only says more contradicts nothing."""
    language = detect(f"{one}\n{other}")
    facts: tuple[Callable[[str], Set[str]], ...] = (
        lambda text: frozenset(numbers(text, language=language)),
        lambda text: frozenset(dates(text)),
        lambda text: frozenset(names(text)),
    )
    if any(read(one) - read(other) and read(other) - read(one) for read in facts):
        return True
    return language != UNKNOWN and bool(negations(one, language=language)) != bool(negations(other, language=language))


def _plain(parsed: object) -> object:
    dump = getattr(parsed, "model_dump", None)
    return dump(mode="json") if dump is not None else parsed
