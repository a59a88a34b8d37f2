"""What turns a question into another one: an opposite word, a negation, and what each language has for them.

opposed(("increase", "speed"), ("decrease", "speed"), language="en")   →  ("increas", "decreas")
denials("How do I sleep without pills, and never dream?", language="en")   →  2
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache

from ragstone.text.analyzer import terms
from ragstone.text.contrast_words import BY_CHARACTER, DENIALS, IDLE_DENIALS, NEGATING, OPPOSITES
from ragstone.text.features import negations

__all__ = ["denials", "negated", "opposed", "opposed_texts"]

_PREFIXES = {
    "en": ("un", "non", "in", "im", "il", "ir", "dis", "anti", "mis", "de", "a"),
    "de": ("un", "nicht", "anti", "miss", "in", "ent"),
    "es": ("in", "im", "des", "anti", "no"),
    "fr": ("in", "im", "ir", "dé", "dés", "anti", "non", "mal"),
    "it": ("in", "im", "ir", "dis", "s", "anti", "non"),
    "pt": ("in", "im", "des", "anti", "não"),
    "nl": ("on", "niet", "anti", "in"),
    "ro": ("ne", "in", "im", "des", "anti"),
    "ru": ("не", "без", "бес", "анти"),
    "el": ("α", "αν", "αντι", "μη"),
    "tr": ("gayri", "anti"),
}
_SUFFIXES = {"en": (("less", "ful"), ("less", ""), ("free", "")), "de": (("los", "voll"), ("los", ""), ("frei", ""))}
_SHORTEST = 4  # letters of a word that a prefix may stand before: "in" and "put" make no opposite of "put"


def opposed(first: Sequence[str], second: Sequence[str], *, language: str) -> tuple[str, str] | None:
    """The stem of a word of the first text that has its opposite in the second instead; None if there is none.

    Words are casefolded. Inflected forms count where the language has a stemmer.
    """
    one, other = Counter(_stems(first, language)), Counter(_stems(second, language))
    here, there = one - other, other - one
    listed = _opposites(language)
    for stem in here:
        against = listed.get(stem, ())
        if any(each in here for each in against):  # "pros and cons" weighs both
            continue
        found = next((each for each in against if each in there), None)
        if found is not None:
            return stem, found
    return None


def opposed_texts(first: str, second: str, *, language: str) -> tuple[str, str] | None:
    """The same for a language that writes no spaces."""
    for one, other in OPPOSITES.get(language, ()):
        for left, right in ((one, other), (other, one)):
            here = next((word for word in left if word in first and word not in second), None)
            there = next((word for word in right if word in second and word not in first), None)
            if here and there:
                return here, there
    return None


def negated(first: Sequence[str], second: Sequence[str], *, language: str) -> tuple[str, str] | None:
    """A word of one text that stands in the other with a negating prefix or suffix: "legal" and "illegal"."""
    here, there = set(first) - set(second), set(second) - set(first)
    for one, other in ((here, there), (there, here)):
        for word in sorted(one):
            for made in _denied(word, language):
                if made in other:
                    return word, made
    return None


def denials(text: str, *, language: str) -> int:
    """How often a text denies or excepts something: its negating words, without those that only fill ("or not")."""
    folded = text.casefold().replace("’", "'")
    pattern = BY_CHARACTER.get(language)
    if pattern is not None:
        return len(re.findall(pattern, re.sub(r"(.)[不没]\1", "", folded)))  # 是不是 asks, and denies nothing
    idle = IDLE_DENIALS.get(language)
    folded = re.sub(idle, " ", folded) if idle else folded
    words = re.findall(r"[\w']+", folded)
    extra = DENIALS.get(language, frozenset())
    found = list(negations(folded, language=language))
    if language == "fr" and len(found) > found.count("ne"):
        found = [word for word in found if word != "ne"]  # "ne … pas" is one
    if language != "en":  # a short question is easily taken for one in another language
        found += [word for word in words if word in NEGATING or word.endswith("n't")]
    return len(found) + sum(word in extra for word in words)


# ── Lists as stems ──────────────────────────────────────────────────────────────────────────────────────────────────


def _stems(words: Sequence[str], language: str) -> list[str]:
    return [stem for word in words for stem in _stem(word, language)]


@cache
def _opposites(language: str) -> dict[str, tuple[str, ...]]:
    """From the stem of a word to those of its opposites."""
    found: dict[str, tuple[str, ...]] = {}
    for one, other in OPPOSITES.get(language, ()):
        left = tuple(stem for word in one for stem in _stem(word, language))
        right = tuple(stem for word in other for stem in _stem(word, language))
        for stems, against in ((left, right), (right, left)):
            for stem in stems:
                found[stem] = (*found.get(stem, ()), *against)
    return found


def _stem(word: str, language: str) -> tuple[str, ...]:
    return tuple(terms(word, language=language)) or (word,)


def _denied(word: str, language: str) -> list[str]:
    """What a word may become when it is denied by its form."""
    made = [prefix + word for prefix in _PREFIXES.get(language, ()) if len(word) >= _SHORTEST]
    made += [f"{prefix}-{word}" for prefix in _PREFIXES.get(language, ())]
    for denying, affirming in _SUFFIXES.get(language, ()):
        if word.endswith(affirming) and len(word) - len(affirming) >= _SHORTEST - 1:
            made.append(word.removesuffix(affirming) + denying)
            made.append(f"{word.removesuffix(affirming)}-{denying}")
    return made
