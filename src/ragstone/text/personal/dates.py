"""Finds dates, times and ages."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragstone.text.personal.spans import Span

__all__ = ["ages", "dates"]

_TIME = r"(?:[ T,]{1,2}(?:at )?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,6})?)?(?: ?[ap]\.?m\b\.?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_DAY, _MONTH, _YEAR = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:1[5-9]|20)\d{2}"
_WORDS = (
    "jan(?:uary|vier|uar)?|feb(?:ruary|ruar)?|février|mar(?:ch|s)?|märz|apr(?:il)?|avril|may|mai|june?|juni|juin|july?"
    "|juli|juillet|aug(?:ust)?|août|sept?(?:ember|embre)?|o[ck]t(?:ober|obre)?|nov(?:ember|embre)?|de[cz](?:ember)?"
    "|décembre|enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre"
)
_NAMED = rf"(?:{_WORDS})\b\.?"
_ORDINAL = rf"{_DAY}(?:st|nd|rd|th|\.)?"
_DATE = re.compile(
    rf"(?<![\w.,/:-])(?:{_YEAR}-{_MONTH}-{_DAY}|{_YEAR}/{_MONTH}/{_DAY}"
    rf"|{_MONTH}/{_DAY}/(?:{_YEAR}|\d{{2}})|{_DAY}/{_MONTH}/(?:{_YEAR}|\d{{2}})|{_DAY}\.{_MONTH}\.(?:{_YEAR}|\d{{2}})"
    rf"|{_MONTH}-{_DAY}-{_YEAR}|{_DAY}-{_MONTH}-{_YEAR}"
    rf"|{_ORDINAL}(?: de| of)?[ -]{_NAMED}(?:,? de)?[ ,-]{{1,2}}{_YEAR}|{_NAMED}[ -]{_ORDINAL},?[ -]{_YEAR}"
    rf"|{_NAMED}[ -]{_ORDINAL}(?![\w.,]*\d)|{_ORDINAL}(?: de| of)?[ -]{_NAMED}|{_NAMED},? {_YEAR}"
    rf"|{_YEAR}年(?:{_MONTH}月(?:{_DAY}日)?)?){_TIME}(?![\w/]|[.,:-]\d)",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(?<![\w.:/-])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?: ?[ap]\.?m\b)?(?![\w:]|\.\d)"
    r"|\b(?:1[0-2]|[1-9]) ?[ap]\.?m\b",
    re.IGNORECASE,
)
_YEARS = re.compile(
    rf"\b(?:in|since|of|year)[ -]({_YEAR})(?![\w/%€$]|[.,:/-]\d| ?(?:tokens?|people|items?|words|characters|USD|EUR))",
    re.IGNORECASE,
)

_AGE = re.compile(
    r"(?<![\w.,/-])(1[01]\d|[1-9]?\d)(?=(?:[- ](?:and a half ?)?(?:years?|yrs?|months?|weeks?)[- ](?:old|of age)\b"
    r"| ?y/?o\b| ?ans\b| Jahre alt| años de edad|岁))",
    re.IGNORECASE,
)
_AGED = re.compile(
    r"\b(?:aged?|age (?:is|of)|turned|turning|turns|(?:at|my|his|her|their) age(?: of| is)?|(?:i['’]?m|i am) only"
    r"|alter)"
    r"[ :=]{1,3}(1[01]\d|[1-9]\d)(?![\w%]|[.,:/-]\d| (?:percent|pages?|times|degrees))",
    re.IGNORECASE,
)


def dates(text: str) -> Iterator[Span]:
    """Dates with their time, times, and years that a word such as `since` makes one."""
    for found in _DATE.finditer(text):
        if any(letter.isdigit() for letter in found[0]):
            yield Span(found.start(), found.end(), "DATE_TIME", 0.8)
    for found in _CLOCK.finditer(text):
        yield Span(found.start(), found.end(), "DATE_TIME", 0.6)
    for found in _YEARS.finditer(text):
        yield Span(*found.span(1), "DATE_TIME", 0.5)


def ages(text: str) -> Iterator[Span]:
    """How old somebody is: the number alone."""
    for pattern in (_AGE, _AGED):
        for found in pattern.finditer(text):
            yield Span(*found.span(1), "AGE", 0.8)
