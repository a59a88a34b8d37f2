"""The passages of an answer, read as far as its claims need them."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from ragstone.text.analyzer import stop_words, terms
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.text.words import NUMBERS
from ragstone.types import Chunk, Hit

__all__ = ["WORD", "Coverage", "Passage", "Passages", "folded"]

WORD = re.compile(r"[^\W_](?:[\w'.&-]*[^\W_])?(?:\+\+?|#)?")
_SPACES = re.compile(r"\s+")
_MARKUP = re.compile(r"[*_`]")
_LIKE = str.maketrans(
    dict.fromkeys("“”„«»", '"')
    | dict.fromkeys("‘’‚", "'")
    | dict.fromkeys("–—‑−", "-")
    | {"…": "...", "\u00a0": " ", "\u202f": " ", "\u00ad": "", "，": ",", "；": ";", "：": ":", "（": "(", "）": ")"}
)


def folded(text: str) -> str:
    """A text as quotes compare: lower case, plain quotation marks and dashes, one space for any whitespace, no markup.

    >>> folded("The *“first”   rule”* –")
    'the "first" rule" -'
    """
    return _SPACES.sub(" ", _MARKUP.sub("", text).translate(_LIKE)).casefold()


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a claim stands in the passages, in [0, 1]: in the best sentence with its neighbour, in one passage.

    `sentences` are the places of the best ones in `Passages.sentences`.
    """

    near: float = 0.0
    passage: float = 0.0
    sentences: tuple[int, ...] = ()


class Passage:
    """A chunk with the headings that it stands under: they are evidence as its text is."""

    def __init__(self, chunk: Chunk) -> None:
        self.chunk = chunk
        self.headings = " . ".join(filter(None, (chunk.title, *chunk.heading, chunk.context)))
        self.facts: tuple[frozenset[str], frozenset[str], frozenset[str]] | None = None  # its values, dates and units

    @cached_property
    def text(self) -> str:
        """All that it says."""
        return f"{self.headings}\n{self.chunk.text}"

    @cached_property
    def folded(self) -> str:
        """The same as quotes compare."""
        return folded(self.text)

    @cached_property
    def words(self) -> list[str]:
        """Every word of it in lower case, as names are looked for among them."""
        return [word.removesuffix("'s") for word in WORD.findall(self.text.translate(_LIKE).casefold())]

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The same, each once."""
        return frozenset(self.words)

    @cached_property
    def language(self) -> str:
        """What the ingestion found for the document; a chunk alone may be too short to tell."""
        found = self.chunk.metadata.get("lang")
        return found if isinstance(found, str) else detect(self.chunk.text)

    @cached_property
    def sentences(self) -> list[str]:
        """What it says, sentence by sentence."""
        text = self.chunk.text
        return [text[start:end] for start, end in sentences(text)]

    @cached_property
    def terms(self) -> list[frozenset[str]]:
        """Of each sentence."""
        return [frozenset(terms(sentence, language=self.language)) for sentence in self.sentences]

    @cached_property
    def around(self) -> frozenset[str]:
        """The terms of its headings."""
        return frozenset(terms(self.headings, language=self.language))


class Passages:
    """The passages of one answer by their numbers, from 1."""

    def __init__(self, hits: Sequence[Hit]) -> None:
        self.all = [Passage(hit.chunk) for hit in hits]

    def cited(self, numbers: Iterable[str]) -> tuple[list[int], list[str]]:
        """The places of the passages of these numbers, and the numbers that name none."""
        wanted = list(dict.fromkeys(numbers))
        known = [number for number in wanted if len(number) < 9 and 1 <= int(number) <= len(self.all)]
        return [int(number) - 1 for number in known], [number for number in wanted if number not in known]

    def read(self) -> None:
        """Reads all that claims are compared with, which takes some time."""
        for passage in self.all:
            _ = passage.folded, passage.words, passage.around
        _ = self.languages, self._places

    @cached_property
    def languages(self) -> frozenset[str]:
        """Those that they are in."""
        return frozenset(passage.language for passage in self.all)

    @cached_property
    def _sentences(self) -> int:
        return sum(len(passage.sentences) for passage in self.all)

    @cached_property
    def _places(self) -> list[dict[str, list[int]]]:
        """For each passage the sentences that hold a term."""
        found: list[dict[str, list[int]]] = []
        for passage in self.all:
            places: dict[str, list[int]] = {}
            for number, words in enumerate(passage.terms):
                for word in words:
                    places.setdefault(word, []).append(number)
            found.append(places)
        return found

    def weight(self, term: str) -> float:
        """How much a term tells: the less, the more sentences hold it (Spärck Jones 1972)."""
        often = sum(len(places.get(term, ())) for places in self._places)
        return math.log(1 + self._sentences / (0.5 + often))

    def coverage(self, claim: str, among: Collection[int]) -> list[tuple[int, Coverage]]:
        """How much of a claim each of these passages holds, the best one first."""
        wanted: dict[str, dict[str, float]] = {}
        found: list[tuple[int, Coverage]] = []
        for place in among:
            language = self.all[place].language
            if language not in wanted:
                wanted[language] = {term: self.weight(term) for term in _telling(claim, language)}
            found.append((place, self._covered(wanted[language], place)))
        return sorted(found, key=lambda one: (-one[1].near, -one[1].passage))

    def _covered(self, wanted: dict[str, float], place: int) -> Coverage:
        passage, places = self.all[place], self._places[place]
        whole = sum(wanted.values())
        if not whole or not passage.sentences:
            return Coverage()
        always = sum(weight for term, weight in wanted.items() if term in passage.around)
        near = [always] * len(passage.sentences)  # of each sentence and the one after it
        there = always
        for term, weight in wanted.items():
            if term in passage.around or term not in places:
                continue
            there += weight
            for at in {near_one for held in places[term] for near_one in (held - 1, held) if near_one >= 0}:
                near[at] += weight
        best = max(range(len(near)), key=near.__getitem__)
        return Coverage(near[best] / whole, there / whole, (best, best + 1) if best + 1 < len(near) else (best,))


def _telling(claim: str, language: str) -> set[str]:
    """The terms of a claim that say what it is about. Numbers in words are looked up as numbers: "twelve" is 12."""
    every = set(terms(claim, language=language))
    return every - stop_words(language) - _spelled(language) or every


@cache
def _spelled(language: str) -> frozenset[str]:
    return frozenset(term for word in NUMBERS.get(language, ()) for term in terms(word, language=language))
