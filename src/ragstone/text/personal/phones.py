"""Finds telephone numbers: by how they are written, or by what is said before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragstone.text.personal.spans import Span, said_before

__all__ = ["phones"]

_NUMBER = re.compile(
    r"(?<![\w.@#$€£/:-])(?:\+|00)?(?:\(\+?\d{1,4}\)|\d{1,15})"
    r"(?:(?:[ \u00a0.\-/]{1,2}|(?=\()|(?<=\)))(?:\(\d{1,4}\)|\d{1,12})){0,7}"
    r"(?:,? ?(?:x|ext\.?|extension) ?\d{1,6})?(?![\w%€]|[.,:/-]\d)",
    re.IGNORECASE,
)
_NORTH_AMERICA = re.compile(r"(?:(?:\+|00)?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[ .-]\d{4}(?:\D.*)?", re.DOTALL)
_ABROAD = re.compile(r"(?:\+|00)[1-9\d(]")
_TRUNK = re.compile(r"\(?0\d[\d)]{0,3}[ ./-]")
_ABOUT = re.compile(
    r"\b(?:phone|tel(?:ephone|efon|éfono|\b)|mobile|mob\b|cell|fax|call|dial|sms|text (?:me|us)|whatsapp|contact|reach"
    r"|ring|number|messages? (?:to|from|at)|extension|hotline|handy|rufnummer|portable|móvil|电话|手机|電話|тел)",
    re.IGNORECASE,
)
_OTHER = re.compile(
    r"\b(?:order|invoice|ticket|account|card|isbn|issn|doi|article|page|part|serial|model|version|reference|ref|id|ssn"
    r"|licen[sc]e|passport)\b[^.!?]{0,20}$",
    re.IGNORECASE,
)
LEAST, MOST = 7, 15  # digits of a number, with its country: ITU-T E.164
_GAP = re.compile(r"(?<=[\d)])[ \u00a0.\-/]+")
_DATED = re.compile(r"\d{3}-\d{2}-\d{4}$|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./-]\d{1,2}[./-]\d{1,2}")


def phones(text: str) -> Iterator[Span]:
    """Numbers with their country, in the form of North America, or with an area code that begins with 0.

    Any other group of digits is one where a telephone is named shortly before it. Of a row of groups that is too long
    for one number, each beginning that may be one is given: what stands behind it may be a card.
    """
    at = 0
    while (found := _NUMBER.search(text, at)) is not None:
        said, start = found[0], found.start()
        ends = [len(said)]
        if _digits(said) > MOST:
            ends = [group.start() for group in _GAP.finditer(said)]
            at = start + (ends[0] if ends else len(said))
        else:
            at = found.end()
        if _DATED.match(said) or said_before(_OTHER, text, start):
            continue
        named = said_before(_ABOUT, text, start)
        for end in ends:
            digits = _digits(said[:end])
            if LEAST <= digits <= MOST and _likely(said[:end], digits, named=named):
                yield Span(start, start + end, "PHONE_NUMBER", 0.85 if named else 0.7)


def _digits(said: str) -> int:
    """How many there are, without those of an extension."""
    return sum(letter.isdigit() for letter in re.split(r"[xe]", said.lower())[0])


def _likely(said: str, digits: int, *, named: bool) -> bool:
    if named:
        return True
    grouped = any(not letter.isdigit() for letter in said)
    if _ABROAD.match(said) and digits >= 9 and (grouped or said[0] == "+"):
        return True
    if _NORTH_AMERICA.fullmatch(said):
        return True
    return digits in (9, 10, 11, 12) and _TRUNK.match(said) is not None
