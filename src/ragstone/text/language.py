"""Which language a text is in: by its script where that decides, by its letters where it does not.

A script that one language owns needs no model. Where several share one, a naive Bayes over pairs and triples of letters
chooses, with the profiles that langdetect ships. Its own detector draws random samples until it is sure, so it is sure
of anything, and it loads 55 profiles in half a second. Counting each pair and triple once needs no seed, takes half the
time, leaves room for a prior, and loads only the profiles of the languages in question.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

__all__ = ["LANGUAGES", "UNKNOWN", "Languages", "detect"]

Languages: TypeAlias = Sequence[str] | Mapping[str, int]
"""Languages in order, or each with how many documents are in it, the most frequent first."""

UNKNOWN = "und"
"""ISO 639-2 for "undetermined": no letters to go by, or a script that is not listed here."""

_LOOKED_AT = 2_000  # characters; more changes no answer and costs time

# The languages of each script, those more common on the Web first. Where several share one, each has a profile.
_LANGUAGES: dict[str, tuple[str, ...]] = {
    "Latin": (
        *("en", "de", "es", "fr", "pt", "it", "nl", "pl", "tr", "id", "vi"),
        *("cs", "sv", "ro", "hu", "da", "fi", "no", "ca", "lt", "et"),
    ),
    "Han": ("zh",),
    "Kana": ("ja",),
    "Hangul": ("ko",),
    "Cyrillic": ("ru", "uk", "bg", "mk"),
    "Greek": ("el",),
    "Arabic": ("ar", "fa", "ur"),
    "Hebrew": ("he",),
    "Devanagari": ("hi", "mr", "ne"),
    "Thai": ("th",),
    "Armenian": ("hy",),
    "Georgian": ("ka",),
    "Bengali": ("bn",),
    "Gurmukhi": ("pa",),
    "Gujarati": ("gu",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Kannada": ("kn",),
    "Malayalam": ("ml",),
}
LANGUAGES = frozenset(language for languages in _LANGUAGES.values() for language in languages)
"""The languages that are told from one another."""

_SCRIPT = re.compile(
    """(?P<Latin>[a-zA-ZªºÀ-ÖØ-öø-\u024f\u1e00-\u1eff]+)
    | (?P<Han>[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)
    | (?P<Kana>[\u3040-\u30ff\uff66-\uff9f]+)
    | (?P<Hangul>[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]+)
    | (?P<Cyrillic>[\u0400-\u052f]+)
    | (?P<Greek>[\u0370-\u03ff\u1f00-\u1fff]+)
    | (?P<Arabic>[\u0620-\u065f\u066e-\u06d3\u06ee-\u06ef\u06fa-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]+)
    | (?P<Hebrew>[\u0590-\u05ff]+)
    | (?P<Devanagari>[\u0900-\u0963\u0971-\u097f]+)
    | (?P<Thai>[\u0e00-\u0e7f]+)
    | (?P<Armenian>[\u0530-\u058f]+)
    | (?P<Georgian>[\u10a0-\u10ff]+)
    | (?P<Bengali>[\u0980-\u09ff]+)
    | (?P<Gurmukhi>[\u0a00-\u0a7f]+)
    | (?P<Gujarati>[\u0a80-\u0aff]+)
    | (?P<Tamil>[\u0b80-\u0bff]+)
    | (?P<Telugu>[\u0c00-\u0c7f]+)
    | (?P<Kannada>[\u0c80-\u0cff]+)
    | (?P<Malayalam>[\u0d00-\u0d7f]+)""",
    re.VERBOSE,
)
# What one character says. A Chinese character is a word or half of one, and Latin letters stand in every language's
# text as names, formulas and code: a Chinese or Russian question that names two products is still Chinese or Russian.
_WEIGHTS = {"Latin": 1, "Han": 6, "Kana": 4, "Hangul": 4}
_OTHER_WEIGHT = 2


def detect(text: str, *, among: Languages = ()) -> str:
    """The ISO 639-1 code of the language that most of a text is in, "und" where nothing tells.

    `among` are the languages to expect, the most likely first, or each with how often it was met: those of an index,
    for a question to it. The answer is one of them where one fits the script, so that a short question is not taken for
    a neighbour's language.

    >>> detect("检索增强生成是什么？"), detect("Wie wird ein Dokument gelesen?"), detect("42")
    ('zh', 'de', 'und')
    """
    text = text[:_LOOKED_AT]
    script = _script(text)
    if script is None:
        return UNKNOWN
    languages = _LANGUAGES[script]
    likely = tuple(language for language in among if language in languages) or languages
    return likely[0] if len(likely) == 1 else _by_letters(text, likely, _priors(likely, among))


def _priors(likely: Sequence[str], among: Languages) -> list[float]:
    """The log of each language's prior: its share where that is known, else 1 / its place."""
    if isinstance(among, Mapping):
        return [math.log(among.get(language, 0) + 1) for language in likely]
    return [-math.log(place) for place in range(1, len(likely) + 1)]


def _script(text: str) -> str | None:
    """The script that carries most of a text."""
    counts: Counter[str] = Counter()
    for run in _SCRIPT.finditer(text):
        assert run.lastgroup is not None
        counts[run.lastgroup] += len(run[0]) * _WEIGHTS.get(run.lastgroup, _OTHER_WEIGHT)
    if counts["Kana"] * 10 > counts["Han"]:
        counts["Kana"] += counts.pop("Han", 0)  # Japanese writes both, Chinese at most a stray の
    script, count = max(counts.items(), key=lambda item: item[1], default=("", 0))
    return script if count else None


# ── Naive Bayes ─────────────────────────────────────────────────────────────────────────────────────────────────────

_WORD = re.compile(r"(?:[^\W\d_]|[\u0900-\u0963])+")  # vowel signs are no word characters to `re`
_UNSEEN = 1e-5  # the probability given to a pair or triple that a profile lacks
_INDEPENDENT = 0.5  # pairs and triples overlap, so each counts half before it meets the prior
_FOLDED = str.maketrans({"ș": "ş", "ț": "ţ", "ی": "ي"} | dict.fromkeys(map(chr, range(0x1EA0, 0x1EFA)), "ể"))
"""The profiles were made from text that langdetect had folded so: Romanian commas, Persian yeh, Vietnamese tones."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """The log probabilities of one language's pairs and triples of letters, a space standing for a word's edge."""

    seen: dict[str, float]

    def score(self, grams: Counter[str]) -> float:
        unseen = math.log(_UNSEEN)
        return sum(count * self.seen.get(gram, unseen) for gram, count in grams.items())


def _by_letters(text: str, languages: tuple[str, ...], priors: Sequence[float]) -> str:
    """The most probable of some languages."""
    grams = Counter(_grams(text))
    if not grams:
        return UNKNOWN
    scores = [
        _INDEPENDENT * _profile(language).score(grams) + prior
        for language, prior in zip(languages, priors, strict=True)
    ]
    return languages[scores.index(max(scores))]


def _grams(text: str) -> Iterator[str]:
    for word in _WORD.findall(unicodedata.normalize("NFC", text).translate(_FOLDED)):
        edged = f" {word.lower() if word.isupper() else word} "  # the profiles hold no words in capitals
        yield from (edged[at : at + 2] for at in range(len(edged) - 1))
        yield from (edged[at : at + 3] for at in range(len(edged) - 2))


@cache
def _profile(language: str) -> _Profile:
    package = find_spec("langdetect")  # found, not imported: only its data is wanted
    assert package is not None
    assert package.origin is not None
    data = json.loads((Path(package.origin).parent / "profiles" / language).read_text(encoding="utf-8"))
    totals: list[int] = data["n_words"]
    counts: dict[str, int] = data["freq"]
    return _Profile(
        {gram: math.log(count / totals[len(gram) - 1] + _UNSEEN) for gram, count in counts.items() if len(gram) > 1}
    )
