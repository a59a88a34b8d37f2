"""What two questions may not differ in, however near their vectors are: each veto looks at one thing.

A vector barely moves when "not" is added, 5 becomes 6 or "from A to B" is turned round, and yet the answer is another.
The vetoes look at words alone, are symmetric, and know no weights. What each costs is printed by
benchmarks/semantic.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ragstone.caching.semantic.reading import Reading
from ragstone.text.contrast_words import BY_CHARACTER
from ragstone.text.contrasts import negated, opposed, opposed_texts
from ragstone.text.direction import reversed_to, swapped, swapped_texts
from ragstone.text.features import numbers
from ragstone.text.proper_names import lacking
from ragstone.text.rarity import rare, spelled_alike
from ragstone.text.units import ADDED, units

__all__ = ["VETOES", "refused"]

_UNCASED = frozenset({"zh", "ja", "th", "ar", "hi", "ko", "fa", "he"})


def refused(first: Reading, second: Reading) -> str:
    """The name of the first veto that refuses two questions of one language; "" where none does."""
    return next((name for name, veto in VETOES.items() if veto(first, second)), "")


def _dates(first: Reading, second: Reading) -> bool:
    if first.dates != second.dates:
        return True
    months = [{time for time in one.times if time.isdigit()} for one in (first, second)]
    return months[0] != months[1] or (bool(first.times and second.times) and first.times != second.times)


def _numbers(first: Reading, second: Reading) -> bool:
    if first.ordinals != second.ordinals and (
        (first.ordinals and second.ordinals) or {"1"} < first.ordinals | second.ordinals
    ):
        return True
    return first.numbers != second.numbers


def _units(first: Reading, second: Reading) -> bool:
    here, there = Counter(first.units) - Counter(second.units), Counter(second.units) - Counter(first.units)
    added = set(first.units) ^ set(second.units)
    return bool(added - ADDED) or bool(here and there)


def _negation(first: Reading, second: Reading) -> bool:
    if first.denials != second.denials:
        return True
    return negated(first.words, second.words, language=first.language) is not None


def _comparison(first: Reading, second: Reading) -> bool:
    if first.language in BY_CHARACTER:
        return opposed_texts(first.text, second.text, language=first.language) is not None
    return opposed(first.words, second.words, language=first.language) is not None


def _direction(first: Reading, second: Reading) -> bool:
    if first.language in BY_CHARACTER:
        return swapped_texts(first.text, second.text, language=first.language)
    words = first.words, second.words
    return swapped(*words, language=first.language) or reversed_to(*words, language=first.language)


def _names(first: Reading, second: Reading) -> bool:
    """Whether a name was replaced: one text has it, and the other has something else in its stead."""
    language = first.language
    here = lacking(first.names, second.words, own=first.words, language=language)
    there = lacking(second.names, first.words, own=second.words, language=language)
    one, other = Counter(first.content_words), Counter(second.content_words)
    if (here and (there or other - one)) or (there and one - other):
        return True
    # Another word in a name's place is another thing, even one that says little elsewhere: "IT", "Who".
    left, right = Counter(first.words), Counter(second.words)
    if (left - right).total() != 1 or (right - left).total() != 1:
        return False
    return bool(here or there) or _renamed(*(left - right), *(right - left), language=language)


def _renamed(here: str, there: str, *, language: str) -> bool:
    """Whether the one word that differs is rare in either text: a name in small letters, as "django" is."""
    if spelled_alike(here, there) or any(numbers(word, language=language) or units(word) for word in (here, there)):
        return False
    return rare(here, language=language) or rare(there, language=language)


def _question(first: Reading, second: Reading) -> bool:
    one, other = Counter(first.asks), Counter(second.asks)
    return bool(one - other and other - one)


VETOES: dict[str, Callable[[Reading, Reading], bool]] = {
    "dates": _dates,
    "numbers": _numbers,
    "units": _units,
    "negation": _negation,
    "comparison": _comparison,
    "direction": _direction,
    "names": _names,
    "question": _question,
}
"""By name, in the order in which they are asked."""
