"""Whether two answers are the same: numbers compare as numbers, words without case, punctuation and articles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

__all__ = ["plain_words", "same_answer"]

_ARTICLES = {"a", "an", "the"}
_UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])"
)
_CURRENCY = "$€£¥₹"
_THIN = re.compile(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3}(?!\d))")  # parts thousands; the usual space does not
_NUMBER = rf"""
    (?P<sign>(?<![\w)])-\s?)?
    [{_CURRENCY}]?\s?
    (?<!\w)(?<!\d[.,/])
    (?:
        (?P<comma>[1-9]\d{{0,2}}(?:\.\d{{3}})+,\d+)            # 1.234,50
      | (?P<point>[1-9]\d{{0,2}}(?:[,'’]\d{{3}})+(?:\.\d+)?)   # 1,234.50
      | (?P<part>\d+/\d+)
      | (?P<plain>\d+(?:[.,]\d+)?|\.\d+)
    )
    (?!\d)
"""
_UNIT = rf"(?:\s?[%{_CURRENCY}]|[\s-]?(?P<unit>[^\W\d_]+))?"
_QUANTITY = re.compile(_NUMBER + _UNIT, re.VERBOSE)
_ALONE = re.compile(_NUMBER + _UNIT + r"(?:\s[^\W\d_]+)?\s?\.?", re.VERBOSE)
_MARKED = re.compile(r"####\s*(?P<hashes>[^\n]+)|\\boxed\{(?P<boxed>[^{}]+)\}")


@dataclass(frozen=True, slots=True)
class _Quantity:
    value: Fraction
    unit: str  # the word after the number, without the s of a plural

    def same(self, other: _Quantity) -> bool:
        """Whether both are equal; the unit counts only where both have one."""
        return self.value == other.value and (not self.unit or not other.unit or self.unit == other.unit)


def plain_words(text: str) -> list[str]:
    """The words of a text without case, punctuation and English articles.

    Chinese, Japanese, Korean and Thai come by character: no spaces part their words.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    spaced = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in folded)
    return [word for word in _UNSPACED.sub(r" \1 ", spaced).split() if word not in _ARTICLES]


def same_answer(said: str, right: str) -> bool:
    r"""Whether what was said is the right answer.

    What stands after `####`, or in a box of TeX, is the answer of a text. A number is compared with the last one that
    was said; `1,234.50`, `$1234.5` and `2469/2` are one. Words are compared with the whole, with its last line, and
    with what follows its last colon.

    >>> same_answer("She sold 48 + 24 = 72 clips.", "Half of 48 is 24.\n#### 72")
    True
    >>> same_answer("The answer: the Eiffel Tower!", "Eiffel tower")
    True
    """
    said, right = _answer_of(said), _answer_of(right)
    wanted = _ALONE.fullmatch(right)
    if wanted is not None and (number := _quantity(wanted)) is not None:
        numbers = [*_quantities(said)]
        return bool(numbers) and numbers[-1].same(number)
    words = plain_words(right)
    if not words:  # signs alone
        return said.strip().casefold() == right.strip().casefold()
    line = said.strip().rpartition("\n")[2]
    return any(plain_words(part) == words for part in (said, line, line.rpartition(":")[2]))


def _answer_of(text: str) -> str:
    text = unicodedata.normalize("NFKC", _THIN.sub("", text)).replace("−", "-").strip()
    found = [*_MARKED.finditer(text)]
    return (found[-1]["hashes"] or found[-1]["boxed"]).strip() if found else text


def _quantities(text: str) -> Iterator[_Quantity]:
    for found in _QUANTITY.finditer(text):
        quantity = _quantity(found)
        if quantity is not None:
            yield quantity


def _quantity(found: re.Match[str]) -> _Quantity | None:
    """None for what has no value, such as 1/0."""
    if found["comma"]:
        digits = found["comma"].replace(".", "").replace(",", ".")
    elif found["point"]:
        digits = re.sub("[,'’]", "", found["point"])
    else:
        digits = found["part"] or found["plain"].replace(",", ".")
    try:
        value = Fraction(digits)
    except (ValueError, ZeroDivisionError):
        return None
    unit = (found["unit"] or "").casefold()
    return _Quantity(-value if found["sign"] else value, unit.removesuffix("s") or unit)
