"""What the words of a question say, read once: two questions are then compared by what was read of each."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from ragstone.text.analyzer import stop_words, terms
from ragstone.text.asking import asked_for
from ragstone.text.contrasts import denials
from ragstone.text.features import dates, numbers
from ragstone.text.language import UNKNOWN, detect
from ragstone.text.proper_names import Name, proper_names
from ragstone.text.stopwords import STOPWORDS
from ragstone.text.units import units
from ragstone.text.words import MONTHS, NUMBERS, TIMES

__all__ = ["Reading", "language_of", "plain", "read"]

KEPT = 16_384  # questions whose reading is kept, 2 kB each: most of those that a cache holds

TELLING = 2  # stop words of one language, if no other has as many

_WORD = re.compile(r"[^\W_](?:[\w’'.&-]*[^\W_])?(?:\+\+?|#)?")
_THOUSANDS = re.compile(r"(?<![\w.,])(\d{1,3})[kK]\b")
_ORDINAL = re.compile(r"\b\d+(?:st|nd|rd|th)\b", re.IGNORECASE)
_SPOKEN = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_ORDINALS = {word: str(number) for number, word in enumerate(_SPOKEN, 1)}
_SPACES = re.compile(r"\s+")
_MODAL = frozenset({"may", "march", "mars", "mart", "sept", "jan", "mai", "dec", "mar"})  # words as well as months


@dataclass(frozen=True, slots=True)
class Reading:
    """A question in a language. Words are casefolded and in order, stems are those of the analyzer."""

    text: str
    language: str
    words: tuple[str, ...]
    stems: frozenset[str]
    content: frozenset[str]  # stems that are no stop words
    content_words: tuple[str, ...]  # the same, each as often as it stands there
    rest: frozenset[str]  # stems that are
    numbers: tuple[str, ...]
    ordinals: frozenset[str]
    dates: tuple[str, ...]
    times: frozenset[str]
    units: tuple[str, ...]
    denials: int
    asks: tuple[str, ...]
    names: tuple[Name, ...]


def plain(text: str) -> str:
    """The text without case, and without what stands around it."""
    folded = unicodedata.normalize("NFKC", text).casefold().strip()
    return _SPACES.sub(" ", folded.rstrip("?!.。？！ ؟;…").lstrip("¿¡ "))


def language_of(first: str, second: str) -> str:
    """The one language that two questions are read in; the order says nothing."""
    one, other = _language(first), _language(second)
    return one if one == other else _language("\n".join(sorted((first, second))))


@lru_cache(maxsize=KEPT)
def _language(text: str) -> str:
    """By stop words where they tell, since a short question's letters are easily taken for a neighbour's language."""
    words = frozenset(_WORD.findall(text.casefold()))
    counted = sorted((len(words & listed), language) for language, listed in STOPWORDS.items())
    (second, _), (most, found) = counted[-2:]
    if most >= TELLING and most > second:
        return found
    guessed = detect(text)
    return "en" if most and (most, "en") in counted else guessed


@lru_cache(maxsize=KEPT)
def read(text: str, language: str) -> Reading:
    """What the words of a question say, in a language (ISO 639-1)."""
    text = unicodedata.normalize("NFKC", text).replace("’", "'")
    words = tuple(word.removesuffix("'s") for word in _WORD.findall(text.casefold()))
    every, stopped = terms(" ".join(words), language=language), stop_words(language)
    stems = frozenset(every)
    return Reading(
        text=text,
        language=language,
        words=words,
        stems=stems,
        content=stems - stopped,
        content_words=tuple(stem for stem in every if stem not in stopped),
        rest=stems & stopped,
        numbers=_numbers(text, language),
        ordinals=_ordinals(words, language),
        dates=tuple(sorted(dates(text))),
        times=_times(text, words, language),
        units=units(text),
        denials=denials(text, language=language),
        asks=asked_for(text, language=language),
        names=proper_names(text, language=language),
    )


def _numbers(text: str, language: str) -> tuple[str, ...]:
    """Those in digits, and those in words but for 1, which is a pronoun or an article in most languages."""
    text = _ORDINAL.sub(" ", _THOUSANDS.sub(r"\1,000", text)) if language == "en" else text
    digits = Counter(numbers(text, language=UNKNOWN))
    spoken = Counter(numbers(text, language=language)) - digits if language in NUMBERS else Counter[str]()
    spoken.pop("1", None)
    for date in dates(text):  # what a date is written with says nothing more than the date
        for part in filter(None, date.split("-")):
            digits -= Counter([str(int(part))])
    return tuple(sorted((digits + spoken).elements()))


def _ordinals(words: tuple[str, ...], language: str) -> frozenset[str]:
    """Ordinal numbers of an English text, in digits or words."""
    if language != "en":
        return frozenset()
    spoken = {_ORDINALS[word] for word in words if word in _ORDINALS}
    return frozenset(spoken | {word.rstrip("stndrh") for word in words if _ORDINAL.fullmatch(word)})


def _times(text: str, words: tuple[str, ...], language: str) -> frozenset[str]:
    """Months that stand alone, weekdays, seasons and words such as tomorrow."""
    alone = () if dates(text) else words[1:]  # a month may be part of a date
    months = {
        f"{MONTHS[word]:02}"
        for word in alone
        if word in MONTHS and (word not in _MODAL or f" {word.capitalize()}" in text)
    }
    listed = TIMES.get(language, frozenset())
    return frozenset(months | {word for word in words if word in listed})
