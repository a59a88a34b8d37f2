"""The one analyzer: the terms by which a text is found. Documents and questions go through the same code.

    "The wheels of vllm-0.33"  →  wheel · of · vllm-0.33 · vllm · 0.33

A word becomes its Snowball stem, where its language has a stemmer. Chinese and Japanese, written without spaces, become
characters and pairs of neighbouring characters. An identifier stands whole and in its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING

from ragstone.text.language import UNKNOWN, detect
from ragstone.text.stopwords import STOPWORDS

if TYPE_CHECKING:
    from Stemmer import Stemmer

__all__ = ["MOST_QUERY_TERMS", "query_terms", "terms"]

MOST_QUERY_TERMS = 256
"""Unique terms of one question, the first ones: a pasted page searches by its beginning."""

_STEMMERS = {
    "ar": "arabic",
    "ca": "catalan",
    "cs": "czech",
    "da": "danish",
    "de": "german",
    "el": "greek",
    "en": "english",
    "es": "spanish",
    "et": "estonian",
    "fi": "finnish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "hy": "armenian",
    "id": "indonesian",
    "it": "italian",
    "lt": "lithuanian",
    "ne": "nepali",
    "nl": "dutch",
    "no": "norwegian",
    "pl": "polish",
    "pt": "portuguese",
    "ro": "romanian",
    "ru": "russian",
    "sv": "swedish",
    "ta": "tamil",
    "tr": "turkish",
}

_SPACELESS = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNMARKED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# Marks are no word characters to `re`, but a Hindi or Arabic word is full of them.
_MARKS = "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0971-\u0dff"
_LETTER = rf"(?:(?![{_SPACELESS}{_UNMARKED}])[^\W_]|[{_MARKS}])"
_TOKEN = re.compile(rf"[{_SPACELESS}]+|[{_UNMARKED}]+|{_LETTER}+(?:[._@'’-]+{_LETTER}+)*")

_IDENTIFIER = re.compile(r"[\d_.@]")
_JOINT = re.compile(r"[._@'-]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)+")
_FUNCTION = frozenset("的了是在和与及或也就都而且吗呢吧啊着之其这那")


def terms(text: str, *, language: str) -> list[str]:
    """The terms of a text in a language (ISO 639-1; "und" leaves words unstemmed), in order, repetitions kept.

    >>> terms("Reading the documents", language="en")
    ['read', 'the', 'document']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    expanded = _expansions(language)
    return list(chain.from_iterable(map(expanded.__getitem__, _TOKEN.findall(text.casefold()))))


def query_terms(text: str, *, languages: Sequence[str]) -> list[str]:
    """The terms of a question to an index whose documents are in these languages, the most frequent language first.

    A question in one of them is analysed in it, any other in the most frequent. Words that only put the question are
    dropped, unless there are no others. A term that comes twice stands twice: in a long question it matters more.

    >>> query_terms("What is the range of a bat, and what is a bat?", languages=["en"])
    ['rang', 'bat', 'bat']
    """
    language = languages[0] if languages else UNKNOWN
    if len(languages) > 1:
        found = detect(text, among=languages)
        language = found if found in languages else language
    found_terms = terms(text, language=language)
    stopped = _stopped(language)
    kept = [term for term in found_terms if term not in stopped] or found_terms
    allowed = frozenset(list(dict.fromkeys(kept))[:MOST_QUERY_TERMS])
    return [term for term in kept if term in allowed]


@cache
def _stopped(language: str) -> frozenset[str]:
    """The terms that the language's stop words become."""
    return frozenset(term for word in STOPWORDS.get(language, ()) for term in terms(word, language=language))


@cache
def _expansions(language: str) -> _Expansions:
    return _Expansions(language)


class _Expansions(dict[str, tuple[str, ...]]):
    """The terms of each token of one language, kept for the next time that it comes."""

    LIMIT = 100_000

    def __init__(self, language: str) -> None:
        self.stemmer = _stemmer(language)

    def __missing__(self, token: str) -> tuple[str, ...]:
        found = tuple(self._expand(token))
        if len(token) <= 40:
            if len(self) >= self.LIMIT:
                self.clear()
            self[token] = found
        return found

    def _stem(self, word: str) -> str:
        return self.stemmer.stemWord(word) if self.stemmer else word

    def _expand(self, token: str) -> Iterator[str]:
        if re.match(f"[{_SPACELESS}{_UNMARKED}]", token):
            yield from (character for character in token if character not in _FUNCTION)
            yield from (
                token[i : i + 2] for i in range(len(token) - 1) if token[i] not in _FUNCTION and token[i + 1] not in _FUNCTION
            )
            return
        parts = _JOINT.split(token)
        if len(parts) == 1:
            yield self._stem(token)
            return
        if _IDENTIFIER.search(token):
            yield token
            if _NUMBER.fullmatch(token):
                return
        for part in parts:
            yield self._stem(part)


def _stemmer(language: str) -> Stemmer | None:
    import Stemmer

    name = _STEMMERS.get(language)
    return Stemmer.Stemmer(name) if name in Stemmer.algorithms() else None
