"""Whether two answers are the same: numbers compare as numbers, words without case, punctuation and articles."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite
from typing import cast

__all__ = ["alike", "plain_words", "same_answer"]

LONGEST = 1000  # characters of a number
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
_EDGES = re.compile(r"^\W+|\W+$")
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


def alike(values: Sequence[object]) -> list[str | None]:
    """Several answers to one question, each in a plain form: those that mean the same are equal.

    None stands for one that says nothing. A number means the same with its unit and without it, as long as no two of
    the answers count different things. A list is compared without its order.

    >>> alike(["$1,200.00", 1200, "1200 euros", "**Twelve**."])
    ['1200', '1200', '1200', 'twelve']
    >>> alike(["3 pm", "3 am", 3])
    ['3 pm', '3 am', '3']
    """
    found = [_plain(value) for value in values]
    units: dict[Fraction, set[str]] = {}
    for each in found:
        if isinstance(each, _Quantity):
            units.setdefault(each.value, set()).add(each.unit)
    return [
        f"{each.value} {each.unit if len(units[each.value] - {''}) > 1 else ''}".strip()
        if isinstance(each, _Quantity)
        else each
        for each in found
    ]


def _plain(value: object) -> _Quantity | str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    if isinstance(value, int | float):
        return _Quantity(Fraction(value), "")
    if isinstance(value, list | tuple):
        items = alike(cast("list[object]", value))
        return "; ".join(sorted(item or "" for item in items)) or None
    if not isinstance(value, str):
        return None
    text = _answer_of(value).strip("*_`\"' \n\t")
    alone = _ALONE.fullmatch(text)
    number = _quantity(alone) if alone is not None else None
    return number or " ".join(plain_words(text)) or _EDGES.sub("", text).casefold() or text or None


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
    """None for what has no value, such as 1/0, and for what is no number that anyone means."""
    if found["comma"]:
        digits = found["comma"].replace(".", "").replace(",", ".")
    elif found["point"]:
        digits = re.sub("[,'’]", "", found["point"])
    else:
        digits = found["part"] or found["plain"].replace(",", ".")
    if len(digits) > LONGEST:
        return None
    try:
        value = Fraction(digits)
    except (ValueError, ZeroDivisionError):
        return None
    unit = (found["unit"] or "").casefold()
    return _Quantity(-value if found["sign"] else value, unit.removesuffix("s") or unit)
