"""The sentences of an answer that claim something, each with the numbers of the passages that it cites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ragstone.text.analyzer import stop_words, terms
from ragstone.text.features import names, numbers
from ragstone.text.language import detect
from ragstone.text.sentences import sentences
from ragstone.types import Prompt
from ragstone.validation.grounding.markers import Marker, bare, markers

__all__ = ["LIST_MARK", "QUOTED", "Claim", "claims"]

LIST_MARK = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
QUOTED = re.compile(r"[\"“„«「『](?P<words>[^\"“”„«»「」『』]+)[\"”“»」』]")

_FENCE = re.compile(r"\s*(?:```|~~~)")
_HEADING = re.compile(r"\s*#{1,6}\s")
_UNDERLINED = re.compile(r"\n[=-]{2,}\s*$")
_MARKUP = " \t\r\n*_`\"'”’»)]"
_ASKS = re.compile(r"[?？؟]$|(?<=[\u0370-\u03ff\u1f00-\u1fff]);$")
_OPENS = re.compile(r"[:：]$")
_POINTS = re.compile(  # at what follows, at the passages, or at the reader
    r"(?:(?:sure|certainly|of course|okay)\b[,.! ]*)?"
    r"(?:here(?:'s|’s| is| are)\b|below (?:is|are)\b|the following\b|in (?:summary|short)[,:]?$|i hope\b|let me know\b"
    r"|if you (?:have|need|want)\b|please (?:let|note that i)\b|hier (?:ist|sind)\b|voici\b"
    r"|aqu[ií] (?:está|están|tiene)|ecco\b|вот\b|以下是|下面是|如下|希望)",
    re.IGNORECASE,
)
FEWEST_TERMS = 2  # that say something; with fewer, a sentence claims nothing unless it names or counts something


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence of an answer: `text` has no markers, `start` and `end` hold it with its own in the answer.

    `cites` are the numbers of its markers as they are written. `language` is the one that it is read in.
    """

    text: str
    start: int
    end: int
    cites: tuple[str, ...]
    language: str


def claims(text: str, *, language: str = "", prompt: Prompt | None = None) -> Iterator[Claim]:
    """The claims of a text in order: no headings, questions, list openers, blocks of code, nor words for "no answer".

    >>> [claim.cites for claim in claims("Here is the plan: it is short. It ships on 3 May 2031 [2].")]
    [('2',)]
    """
    marked = list(markers(text))
    found = bare(text, marked)
    for start, end in sentences(found.text):
        said = found.text[start:end]
        own = [one for one, place in zip(marked, found.carried, strict=True) if start <= place < end]
        read_in = language or detect(said)
        if _claims(said, read_in) and not (prompt is not None and prompt.abstains(said)):
            first, last = found.places[start], found.places[end - 1] + 1
            yield _claim(text, said, first, last, own, read_in)


def _claim(text: str, said: str, start: int, end: int, own: Sequence[Marker], language: str) -> Claim:
    """The range of a claim with its markers and the blanks after it; a list item ends with its line."""
    start = min([start, *(one.start for one in own)])
    end = max([end, *(one.end for one in own)])
    while end < len(text) and text[end] in " \t":
        end += 1
    if LIST_MARK.match(said) and text[end : end + 1] == "\n":
        end += 1
    return Claim(said, start, end, tuple(number for one in own for number in one.numbers), language)


def _claims(said: str, language: str) -> bool:
    if _FENCE.match(said) or _HEADING.match(said) or _UNDERLINED.search(said):
        return False
    words = LIST_MARK.sub("", said, count=1).strip(_MARKUP)
    if not words or _ASKS.search(words) or _OPENS.search(words) or _POINTS.match(words):
        return False
    stopped = stop_words(language)
    telling = {term for term in terms(words, language=language) if term not in stopped}
    return bool(
        len(telling) >= FEWEST_TERMS or numbers(words, language=language) or names(f". {words}") or QUOTED.search(words)
    )
