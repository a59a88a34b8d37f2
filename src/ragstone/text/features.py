"""What can be read off a text without a model: its numbers, dates, names and negations, and what a question asks for.

    expected("When does the halibut project ship?", language="en")      →  "time"
    numbers("1,200 tonnes in three ships, 18 % more", language="en")   →  ("1200", "3", "18%")
    dates("It ships on 3 May 2031.")                                    →  ("2031-05-03",)
    names("Its lead is Ana Ruiz.")                                      →  ("Ana Ruiz",)

Digits, percent signs and capitals are read in any language; the rest goes by the lists of `words.py`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Literal, TypeAlias

from ragstone.text.words import COMPARISONS, MONTHS, NEGATIONS, NUMBERS, QUESTIONS, TIMES

__all__ = ["Kind", "answers", "comparisons", "dates", "expected", "names", "negations", "numbers"]

Kind: TypeAlias = Literal["time", "number", "name", "definition"]
"""What a question can ask for: when, how many, who and where, or what something is."""

_WORD = re.compile(r"[^\W\d_](?:[\w’'-]*[^\W_])?")
_PERCENT = r"(?:\s?[%％٪])?"
_DIGITS = re.compile(rf"\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*{_PERCENT}")
_HAN = re.compile(
    rf"[〇零一二两三四五六七八九十百千万亿]{{2,}}{_PERCENT}|[〇零一二两三四五六七八九十百千](?=[个個人年月日天次种種位条座名岁倍成届])"
)
_HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_HAN_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000, "亿": 100_000_000}

_MONTH = "|".join(sorted(map(re.escape, MONTHS), key=len, reverse=True))
_ORDINAL = r"(?:st|nd|rd|th|er|º|ª|\.)?"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})\b",
        r"\b(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4})\b",
        rf"\b(?P<day>\d{{1,2}}){_ORDINAL}\s(?:of\s|de\s)?(?P<name>{_MONTH})\b\.?(?:,?\s(?:de\s)?(?P<year>\d{{4}}))?",
        rf"\b(?P<name>{_MONTH})\.?\s(?P<day>\d{{1,2}}){_ORDINAL}\b(?:,?\s(?P<year>\d{{4}}))?",
        rf"\b(?P<name>{_MONTH})\.?,?\s(?:de\s)?(?P<year>\d{{4}})\b",
        r"(?P<year>\d{4})\s?年(?:\s?(?P<month>\d{1,2})\s?月)?(?:\s?(?P<day>\d{1,2})\s?[日号])?",
        r"(?<!\d)(?P<month>\d{1,2})\s?月(?:\s?(?P<day>\d{1,2})\s?[日号])?",
        r"(?<![\d.,])(?P<year>1\d{3}|20\d{2}|21\d{2})(?![\d.,]?\d|\s?[%％])",
    )
)
_CLOCK = re.compile(r"\b\d{1,2}(?::\d\d|\s?[ap]\.?m\b)", re.IGNORECASE)

_CODE = re.compile(r"`[^`\n]+`|(?<![\w.])[.~]{0,2}/[\w./-]+")  # in technical texts, a name or a place
_UNCASED = re.compile("[\u0590-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_CAPITALISED = re.compile(r"[^\W\d_][\w’'.-]*(?:\s[^\W\d_][\w’'.-]*)*")
_ABBREVIATED = 4  # characters of an abbreviation with its dot: "Mrs."
_OPENING = re.compile(r"(?:^|[.!?:]\s|\n)[\s\"'“‘„«(\[*_#>-]*$")


# ── What a text holds ─────────────────────────────────────────────────────────────────────────────────────────────────


def numbers(text: str, *, language: str) -> tuple[str, ...]:
    """The numbers of a text in order as plain digits, with "%" where there is one: "1.234,5" and "1,234.5" are equal.

    Number words up to twenty, tens, and powers of ten are read one by one: "two hundred" is 2 and 100.
    """
    text = unicodedata.normalize("NFKC", text)
    words = NUMBERS.get(language, {})
    found = [(match.start(), _plain(match[0])) for match in _DIGITS.finditer(text)]
    found += [(match.start(), _from_han(match[0])) for match in _HAN.finditer(text)]
    if words:
        spoken = ((match.start(), words.get(match[0].casefold())) for match in _WORD.finditer(text))
        found += [(start, str(value)) for start, value in spoken if value is not None]
    return tuple(number for _, number in sorted(found))


def dates(text: str) -> tuple[str, ...]:
    """The dates of a text in order, as much of YYYY-MM-DD as it says: "2031-05", "--05-03" without a year, "2031".

    Numbers with slashes or dots are read day first, unless the month would be no month.
    """
    text = unicodedata.normalize("NFKC", text)
    found: dict[int, str] = {}
    taken = [False] * len(text)
    for pattern in _DATES:
        for match in pattern.finditer(text):
            date = _date(match)
            if date and not any(taken[match.start() : match.end()]):
                found[match.start()] = date
                taken[match.start() : match.end()] = [True] * len(match[0])
    return tuple(found[start] for start in sorted(found))


def names(text: str) -> tuple[str, ...]:
    """Runs of capitalised words, in order. A single one that opens a sentence is left out: any word may stand there.

    Scripts without capitals have no names to this function, and German has too many.
    """
    found: list[str] = []
    for run in _CAPITALISED.finditer(text):
        words: list[str] = []
        start = run.start()
        for word in re.finditer(r"\S+", run[0]):
            if word[0][0].isupper():
                start = start if words else run.start() + word.start()
                words.append(word[0])
            if not word[0][0].isupper() or (word[0].endswith(".") and len(word[0]) > _ABBREVIATED):
                found.extend(_name(text, start, words))
                words = []
        found.extend(_name(text, start, words))
    return tuple(found)


def negations(text: str, *, language: str) -> tuple[str, ...]:
    """The negating words of a text, in order; an English "n't" counts as one."""
    listed = NEGATIONS.get(language, frozenset())
    words = (word.replace("’", "'") for word in _WORD.findall(text.casefold()))
    return tuple(word for word in words if word in listed or (language == "en" and word.endswith("n't")))


def comparisons(text: str, *, language: str) -> tuple[str, ...]:
    """The words of a text that set one thing beside another, in order.

    >>> comparisons("Is a vector search better than BM25?", language="en")
    ('than',)
    """
    listed = COMPARISONS.get(language, frozenset())
    return tuple(word for word in _WORD.findall(text.casefold()) if word in listed)


# ── What a question asks for ──────────────────────────────────────────────────────────────────────────────────────────


def expected(question: str, *, language: str) -> Kind | None:
    """The kind of thing that a question asks for; None where its words do not tell."""
    folded = question.casefold()
    return next((kind for kind, pattern in _patterns(language).items() if pattern.search(folded)), None)


def answers(sentence: str, kind: Kind, *, question: str, language: str) -> bool | None:
    """Whether a sentence holds a thing of that kind that the question itself has not named; None if none can tell."""
    if kind == "number":
        return not set(numbers(sentence, language=language)) <= set(numbers(question, language=language))
    if kind == "time":
        if not set(dates(sentence)) <= set(dates(question)) or _CLOCK.search(sentence):
            return True
        listed = TIMES.get(language, frozenset())
        return any(
            word.casefold() in listed or (word[0].isupper() and word.casefold() in MONTHS)
            for word in _WORD.findall(sentence)
        )
    if kind == "definition":
        subject = _patterns(language)["definition"].search(question.casefold())
        return subject is not None and subject["subject"].strip() in sentence.casefold()[: len(subject[0])]
    if language == "de" or _UNCASED.search(sentence):
        return None
    if _CODE.search(sentence):
        return True
    asked = question.casefold()
    return any(word.strip(".").casefold() not in asked for name in names(sentence) for word in name.split())


@cache
def _patterns(language: str) -> dict[Kind, re.Pattern[str]]:
    """Time comes first: "what year" asks for a time, though a year is a number."""
    listed = QUESTIONS.get(language, {})
    kinds: tuple[Kind, ...] = ("time", "number", "name", "definition")
    return {kind: re.compile(listed[kind]) for kind in kinds if kind in listed}


# ── One at a time ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _plain(number: str) -> str:
    """A number as digits with at most one point. A lone separator before three digits groups thousands."""
    percent = "%" if number[-1] in "%٪" else ""
    digits = "".join(str(unicodedata.digit(each)) if each.isdigit() else each for each in number.rstrip("%٪ "))
    digits = digits.replace("٫", ".").replace("٬", ",")
    groups = re.split(r"\D", digits)
    separators = re.findall(r"\D", digits)
    grouped = all(len(group) == 3 for group in groups[1:]) and len(groups[0]) <= 3 and groups[0] != "0"
    if separators and len(set(separators)) == 2 and separators[-1] not in separators[:-1]:
        whole, fraction = "".join(groups[:-1]), groups[-1]
    elif grouped or len(groups) > 2 or not separators:
        whole, fraction = "".join(groups), ""
    else:
        whole, fraction = groups
    fraction = fraction.rstrip("0")
    return (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "") + percent


def _from_han(numeral: str) -> str:
    """三百五十 is 350; 二〇三一 is 2031."""
    percent = "%" if numeral[-1] == "%" else ""
    numeral = numeral.rstrip("% ")
    if not any(character in _HAN_UNITS for character in numeral):
        return ("".join(str(_HAN_DIGITS[character]) for character in numeral).lstrip("0") or "0") + percent
    total = section = digit = 0
    for character in numeral:
        unit = _HAN_UNITS.get(character)
        if unit is None:
            digit = _HAN_DIGITS[character]
        elif unit < 10_000:
            section, digit = section + (digit or 1) * unit, 0
        else:
            total, section, digit = (total + (section + digit or 1)) * unit, 0, 0
    return str(total + section + digit) + percent


def _date(match: re.Match[str]) -> str | None:
    given = match.groupdict()
    year, day = given.get("year"), given.get("day")
    name = unicodedata.normalize("NFKC", (given.get("name") or "").casefold())
    month = MONTHS[name] if name else int(given.get("month") or 0)
    if month > 12 and day is not None and int(day) <= 12:
        month, day = int(day), str(month)
    if month > 12 or (day is not None and not 1 <= int(day) <= 31):
        return None
    parts = [year or "-", *([f"{month:02}"] if month else []), *([f"{int(day):02}"] if day else [])]
    return "-".join(parts)


def _name(text: str, start: int, words: list[str]) -> tuple[str, ...]:
    """The words that stand from there as one name, or none: a single one that opens a sentence proves nothing."""
    alone = len(words) == 1 and not words[0][1:].isupper()
    if not words or (alone and _OPENING.search(text, 0, start)):
        return ()
    return (" ".join(words).rstrip(".'’-"),)
