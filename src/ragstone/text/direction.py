"""Whether two texts say the same words in another direction: "from London to Paris" and "from Paris to London"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ragstone.text.analyzer import stop_words, terms
from ragstone.text.direction_words import BOUND, CUES, CUES_BY_CHARACTER, LEADING, MUTUAL, SETTLED, SYMMETRIC

__all__ = ["reversed_to", "swapped", "swapped_texts"]

FARTHEST = 4
"""Words between two things that one cue still sets in order."""

_PASSIVE = {
    "en": ["by", "be", "been", "being", "is", "are", "was", "were"],
    "de": ["von", "durch", "werden", "wird", "wurde", "wurden", "worden"],
    "es": ["por", "ser", "es", "son", "fue", "fueron", "sido"],
    "fr": ["par", "être", "est", "sont", "été", "fut", "était", "étaient"],
    "it": ["da", "dal", "essere", "è", "sono", "stato", "stata", "fu"],
    "pt": ["por", "pelo", "pela", "ser", "é", "são", "foi", "foram", "sido"],
    "nl": ["door", "worden", "wordt", "werd", "werden", "geworden"],
}
"""Words of the passive voice: where they differ, a verb between two names may say the same in both orders."""


def swapped(first: Sequence[str], second: Sequence[str], *, language: str) -> bool:
    """Whether two things that stand in both texts have changed places around a word that says which comes first.

    That word is a cue ("to", "than", "before"), or any word of its own in both texts, as a verb between subject and
    object is; not a word that joins alike things ("and", "versus", "between"). Words are casefolded, in their order.

    >>> swapped("convert miles to km".split(), "convert km to miles".split(), language="en")
    True
    >>> swapped("is tea or coffee better".split(), "is coffee or tea better".split(), language="en")
    False
    """
    cues, joining = CUES.get(language, frozenset()), SYMMETRIC.get(language, frozenset())
    left, right = _Order(first, language), _Order(second, language)
    shared = [stem for stem in left.content if stem in right.content]
    turned = set(left.content) != set(right.content) or any(
        first.count(word) != second.count(word) for word in _PASSIVE.get(language, ())
    )
    for at, one in enumerate(shared):
        for other in shared[at + 1 :]:
            if right.content[one] < right.content[other]:
                continue
            here = left.between(one, other)
            there = right.between(other, one)
            if here is None or there is None or not joining.isdisjoint((*here, *there)):
                continue
            if not cues.isdisjoint(here) and not cues.isdisjoint(there):
                return True
            middle = {left.stem(word) for word in here} & {right.stem(word) for word in there}
            if not turned and any(stem in left.content for stem in middle):
                return True
    return False


def reversed_to(first: Sequence[str], second: Sequence[str], *, language: str) -> bool:
    """Whether one text goes to a thing that the other one comes from, and neither does both.

    The thing is the word that follows, so that "to" before a verb means nothing here. Words are casefolded.

    >>> reversed_to("who approves travel to berlin".split(), "who approves travel from berlin".split(), language="en")
    True
    >>> reversed_to("how far is it to berlin".split(), "how far is it from berlin".split(), language="en")
    False
    """
    mutual = MUTUAL.get(language, frozenset())
    if not (mutual.isdisjoint(first) and mutual.isdisjoint(second)):
        return False
    for one, other in BOUND.get(language, ()):
        here, back_here = (_led(first, words, language) for words in (one, other))
        there, back_there = (_led(second, words, language) for words in (one, other))
        if (here - back_here) & (back_there - there) or (there - back_there) & (back_here - here):
            return True
    return False


def _led(words: Sequence[str], leading: frozenset[str], language: str) -> set[str]:
    """The words that follow one of these, whatever article stands between."""
    between, settled = LEADING.get(language, frozenset[str]()), SETTLED.get(language, frozenset[str]())
    found: set[str] = set()
    for before, (at, word) in zip(("", *words), enumerate(words, start=1), strict=False):
        if word in leading and before not in settled:
            found.update([each for each in words[at:] if each not in between][:1])
    return found


def swapped_texts(first: str, second: str, *, language: str) -> bool:
    """The same for a language that writes no spaces: the same characters in another order around a cue."""
    cue = CUES_BY_CHARACTER.get(language)
    if cue is None or first == second or sorted(_letters(first)) != sorted(_letters(second)):
        return False
    return re.search(cue, first) is not None and re.search(cue, second) is not None


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text)


class _Order:
    """The words of a text and where its content stands first."""

    def __init__(self, words: Sequence[str], language: str) -> None:
        self._words, self._language = words, language
        stopped = stop_words(language)
        stems = [self.stem(word) for word in words]
        self.content: dict[str, int] = {}
        for place, stem in enumerate(stems):
            if stem and stem not in stopped:
                self.content.setdefault(stem, place)

    def stem(self, word: str) -> str:
        found = terms(word, language=self._language)
        return found[0] if found else ""

    def between(self, one: str, other: str) -> Sequence[str] | None:
        """The words between two others, if they are few."""
        words = self._words[self.content[one] + 1 : self.content[other]]
        return words if len(words) <= FARTHEST else None
