"""The one analyzer: the terms by which a text is found. Documents and questions go through the same code.

    "Wheels of vllm-0.33"  →  wheel · of · vllm-0.33 · vllm · 0.33

A word becomes its Snowball stem, where its language has a stemmer, and loses its accents: people leave them out when
they ask. Scripts without spaces become short runs of characters. An identifier stands whole and in its parts.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, cast

from ragstone.text.language import UNKNOWN, Languages, detect
from ragstone.text.stopwords import STOPWORDS

__all__ = ["MOST_QUERY_TERMS", "Term", "placed_terms", "query_terms", "stop_words", "terms"]

MOST_QUERY_TERMS = 512
"""Terms of one question, the first ones: a pasted page searches by its beginning."""

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
    "fa": "persian",
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

# ── Tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────

# Written without spaces: in the first group a character is a word or half of one, in the second it is a letter.
_IDEOGRAPHS = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
# Marks are no word characters to `re`, but a Hindi or Arabic word is full of them.
_MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0963\u0971-\u0dff"
)
_LETTER = rf"(?:[a-z0-9]|(?![{_IDEOGRAPHS}{_UNSPACED}])[^\W_]|[{_MARKS}])"
_TOKEN = re.compile(
    rf"[{_IDEOGRAPHS}]+ | [{_UNSPACED}]+ | \d{{1,3}}(?:,\d{{3}})+(?!\d) | {_LETTER}+(?:(?:[.@'’-]|_+){_LETTER}+)*",
    re.VERBOSE,
)
_PLACED = re.compile(_TOKEN.pattern, re.VERBOSE | re.IGNORECASE)
_IDEOGRAPHIC = re.compile(f"[{_IDEOGRAPHS}]")
_LETTERED = re.compile(f"[{_UNSPACED}]")
_HANGUL = re.compile("[\uac00-\ud7a3]")

_JOINT = re.compile(r"[_@'’-]+|(?<!\d)\.|\.(?!\d)")  # the dot of 0.33 joins, that of foo.bar divides
_ACRONYM = re.compile(r"[^\W\d_](?:\.[^\W\d_]){1,9}")
_IDENTIFIER = re.compile(r"[\d_.@]")

_ACCENTED = re.compile("([a-z])[\u0300-\u036f]+")
_BARRED = str.maketrans("łøđı", "lodi")  # letters that Unicode does not take apart
_ACCENTS_MATTER = frozenset({"vi"})  # they tell words apart: without them XQuAD loses 3 points there

_LONGEST = 256  # characters of a token that are looked at: nobody searches for the rest of an encoded image


def terms(text: str, *, language: str) -> list[str]:
    """The terms of a text in a language (ISO 639-1; "und" leaves words unstemmed), in order, repetitions kept.

    No term holds whitespace.

    >>> terms("Reading the U.S. documents", language="en")
    ['read', 'the', 'us', 'document']
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    expanded = _expansions(language)
    return list(chain.from_iterable(map(expanded.__getitem__, _TOKEN.findall(text.casefold()))))


@dataclass(frozen=True, slots=True)
class Term:
    """A token of a text in the range [start, end), and the terms by which it is found; `runs`: it has no spaces."""

    start: int
    end: int
    terms: tuple[str, ...]
    runs: bool = False


def placed_terms(text: str, *, language: str) -> Iterator[Term]:
    """The terms of a text of plain characters (NFKC), each token's with its place.

    >>> [text[one.start : one.end] for one in placed_terms(text := "Reading documents", language="en")]
    ['Reading', 'documents']
    """
    expanded = _expansions(language)
    for token in _PLACED.finditer(text):
        runs = _IDEOGRAPHIC.match(token[0]) is not None or _LETTERED.match(token[0]) is not None
        terms = () if runs else expanded[unicodedata.normalize("NFC", token[0].casefold())]
        yield Term(token.start(), token.end(), terms, runs)


def query_terms(text: str, *, languages: Languages) -> list[str]:
    """The terms of a question to an index whose documents are in these languages, the most frequent language first.

    A question in one of them is analysed in it, any other in the most frequent. Words that only put the question are
    dropped, unless there are no others. A term that comes twice stands twice: in a long question it matters more.

    >>> query_terms("What is the range of a bat, and what is a bat?", languages=["en"])
    ['rang', 'bat', 'bat']
    """
    language = query_language(text, languages)
    found_terms = terms(text, language=language)
    stopped = stop_words(language)
    kept = [term for term in found_terms if term not in stopped] or found_terms
    return kept[:MOST_QUERY_TERMS]


def query_language(text: str, languages: Languages) -> str:
    """The one of these languages that a question is analysed in: its own, or else the most frequent one."""
    found = detect(text, among=languages) if len(languages) > 1 else UNKNOWN
    return found if found in languages else next(iter(languages), UNKNOWN)


@cache
def stop_words(language: str) -> frozenset[str]:
    """The terms that the language's stop words become."""
    return frozenset(term for word in STOPWORDS.get(language, ()) for term in terms(word, language=language))


# ── From a token to its terms ───────────────────────────────────────────────────────────────────────────────────────


@cache
def _expansions(language: str) -> _Expansions:
    return _Expansions(language)


class _Expansions(dict[str, tuple[str, ...]]):
    """The terms of every token of one language that was met: most words of a text were met before."""

    MOST = 100_000
    LONGEST = 32  # a longer token is rare, and rarely comes again

    def __init__(self, language: str) -> None:
        self.stem_word = _stemmer(language)
        self.keeps_accents = language in _ACCENTS_MATTER

    def __missing__(self, token: str) -> tuple[str, ...]:
        found = tuple(self._expand(token))
        if len(token) <= self.LONGEST:
            if len(self) >= self.MOST:
                self.clear()
            self[token] = found
        return found

    def _expand(self, token: str) -> Iterator[str]:
        if _IDEOGRAPHIC.match(token):
            yield from token
            yield from _grams(token, 2)
        elif _LETTERED.match(token):
            yield from _grams(token, 3) if len(token) > 3 else (token,)
        elif _ACRONYM.fullmatch(token):
            yield token.replace(".", "")
        else:
            yield from self._words(token[:_LONGEST])

    def _words(self, token: str) -> Iterator[str]:
        """A word's stem; of several words in one token those of all, and an identifier itself."""
        parts = _JOINT.split(token.replace(",", ""))
        if len(parts) > 1 and _IDENTIFIER.search(token):
            yield token
        for part in filter(None, parts):
            yield self._stem(part)
            if _HANGUL.match(part) and len(part) > 2:
                yield from _grams(part, 2)  # a Korean noun and its particle are one word

    def _stem(self, word: str) -> str:
        stem = self.stem_word(word)
        if stem.isascii() or self.keeps_accents:
            return stem
        bare = _ACCENTED.sub(r"\1", unicodedata.normalize("NFD", stem))
        return unicodedata.normalize("NFC", bare).translate(_BARRED)


def _grams(run: str, size: int) -> Iterator[str]:
    """Every stretch of that many neighbouring characters."""
    return (run[at : at + size] for at in range(len(run) - size + 1))


def _stemmer(language: str) -> Callable[[str], str]:
    """The stemmer of a language. Where there is none, or PyStemmer is too old to have it, words stay as they are."""
    import Stemmer

    snowball = cast("Any", Stemmer)
    name = _STEMMERS.get(language)
    return snowball.Stemmer(name).stemWord if name in snowball.algorithms() else str
