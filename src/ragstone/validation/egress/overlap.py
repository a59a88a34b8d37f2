"""Where an answer repeats its instructions: so many words in a row that it is no chance."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ragstone.text.unmask import unmask

__all__ = ["Overlap"]

_SPACELESS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_SPACELESS}]|[^\W_{_SPACELESS}]+")
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")
HALF = 0.5  # of a word is a letter of a script that puts no spaces between words


def tokens(text: str) -> list[str]:
    """Its words, without case, markup and masks."""
    return [found[0] for found in _TOKEN.finditer(unmask(text).text.lower())]


class Instructions:
    """The runs of `words` words that must not come out, and those that may: they stand elsewhere in the prompt, too."""

    def __init__(self, told: Sequence[str], allowed: Sequence[str], *, words: int) -> None:
        self.words = words
        self.runs = set(_told(tuple(told), words)) if words else set[str]()
        if self.runs:
            for text in allowed:
                self.runs.difference_update(_runs(tokens(text), words))


@lru_cache(maxsize=64)  # a prompt file tells many requests the same
def _told(texts: tuple[str, ...], words: int) -> frozenset[str]:
    runs: set[str] = set()
    for text in texts:
        own = tokens(text)
        for said in (own, [codecs.encode(one, "rot13") for one in own], [one[::-1] for one in reversed(own)]):
            runs.update(_runs(said, words))
    return frozenset(runs)


class Overlap:
    """Follows one answer."""

    def __init__(self, instructions: Instructions) -> None:
        self._of = instructions
        self._last: deque[str] = deque(maxlen=max(1, instructions.words))
        self._length = 0  # words up to here that are repeated
        self._weight = 0.0

    def copy(self) -> Overlap:
        """The same, to read on from twice."""
        other = Overlap(self._of)
        other._last, other._length, other._weight = self._last.copy(), self._length, self._weight
        return other

    def read(self, text: str) -> list[tuple[int, int]]:
        """The ranges of the next piece of the answer that repeat the instructions."""
        if not self._of.runs:
            return []
        seen = unmask(text.lower()) if len(text.lower()) == len(text) else unmask(text)
        found: list[tuple[int, int]] = []
        spans: list[tuple[int, int]] = []
        for one in _TOKEN.finditer(seen.text):
            spans.append(seen.range(*one.span()))
            word = one[0].lower()
            self._last.append(word)
            whole = len(self._last) == self._of.words and " ".join(self._last) in self._of.runs
            if not whole:
                self._length, self._weight = 0, 0.0
                continue
            fresh = [word] if self._length else list(self._last)
            self._length += len(fresh)
            self._weight += sum(HALF if _IS_SPACELESS.match(each) else 1.0 for each in fresh)
            if self._weight >= self._of.words:
                first = max(0, len(spans) - self._length)
                found.append((spans[first][0], spans[-1][1]))
        return _joined(found)

    def repeats(self, text: str) -> bool:
        """Whether a text by itself repeats them."""
        return bool(Overlap(self._of).read(text))


def _runs(said: Sequence[str], words: int) -> Iterator[str]:
    return (" ".join(said[at : at + words]) for at in range(len(said) - words + 1))


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined
