"""The plain form of a short answer, in which two that mean the same are equal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

__all__ = ["alike", "normal"]

_NUMBER = re.compile(
    r"""[^\w\s.+-]*\s*                                        # a currency
        (?P<sign>[-+]?)\s*[^\w\s.]*\s*
        (?P<whole>\d{1,3}(?:[,_ ']\d{3})+(?!\d)|\d+)?(?:\.(?P<part>\d+))?
        \s*(?P<unit>[^\d\s]*(?:\s[^\W\d]+){0,2})""",
    re.VERBOSE,
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_BLANKS = re.compile(r"\s+")
_GROUPS = re.compile(r"[,_ ']")


def normal(value: object) -> str | None:
    """A value in its plain form; None where nothing is said that could be compared.

    A number is a number however it is written, and what it counts stands behind it. A text is compared without case,
    blanks and the punctuation around it, a list without its order.

    >>> normal("$1,200.00"), normal(1200), normal("1200 apples.")
    ('1200', '1200', '1200 apples')
    >>> normal(" **Yes**. ")
    'yes'
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return _plain(Decimal(str(value)))
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        items = [normal(item) for item in cast("list[object]", value)]
        return "; ".join(sorted(item or "" for item in items)) if items else None
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, Any]", value).items()
        return "; ".join(sorted(f"{name}: {normal(item) or ''}" for name, item in pairs)) or None
    return None


def alike(values: Sequence[object]) -> list[str | None]:
    """The plain form of each of several answers to one question.

    A number means the same with its unit and without it, as long as no two of them count different things.

    >>> alike(["72", "72 clips", "70"])
    ['72', '72', '70']
    >>> alike(["3 pm", "3 am", 3])
    ['3 pm', '3 am', '3']
    """
    found = [normal(value) for value in values]
    units: dict[str, set[str]] = {}
    for said in found:
        number, _, unit = (said or "").partition(" ")
        if said is not None and _is_number(number):
            units.setdefault(number, set()).add(unit)
    bare = {number for number, counted in units.items() if len(counted - {""}) == 1}
    return [said.partition(" ")[0] if said and said.partition(" ")[0] in bare else said for said in found]


def _is_number(said: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", said))


def _text(value: str) -> str | None:
    folded = unicodedata.normalize("NFKC", value).replace("−", "-").strip().strip("*_`\"'").rstrip(".!。").strip()
    number = _NUMBER.fullmatch(folded)
    if number and (number["whole"] or number["part"]):
        whole = _GROUPS.sub("", number["whole"] or "0")
        said = _plain(Decimal(f"{number['sign']}{whole}.{number['part'] or '0'}"))
        return " ".join(filter(None, [said, number["unit"].strip().casefold()]))
    words = _BLANKS.sub(" ", _EDGES.sub("", folded.casefold()))
    return words or (folded or None)


def _plain(number: Decimal) -> str:
    """One way to write each number."""
    if not number.is_finite():
        return str(number).lower()
    said = format(number.normalize(), "f")
    return "0" if said in ("-0", "0") else said
