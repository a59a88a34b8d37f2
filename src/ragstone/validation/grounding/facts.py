"""What can be looked up without understanding it: the quotes, numbers, dates, units and names of a claim.

A number counts as found in any spelling: 1,200, 1.200 and "twelve hundred" are one. What somebody has counted or
computed ("three reasons", a sum) stands in no passage, and is a false alarm of this rule.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ragstone.text.features import dates, negations, numbers
from ragstone.text.proper_names import lacking, proper_names
from ragstone.text.units import units
from ragstone.text.words import NUMBERS
from ragstone.validation.grounding.claims import LIST_MARK, QUOTED, Claim
from ragstone.validation.grounding.passages import WORD, Passage, folded

__all__ = ["UNSPACED", "Fault", "denies", "faults"]

SHORTEST_QUOTE = 4
"""Characters between quotation marks that are looked up: shorter ones are letters and signs."""

SHOUTED = 0.6  # of the letters of a claim are capitals: then none of them marks a name
UNSPACED = frozenset({"zh", "ja", "th"})
"""Languages that put no spaces between words: there only names in Latin letters are seen."""
MOST_TOLD = 3  # numbers or names in one reason

_NUMBER = re.compile(
    r"(?P<digits>\d+(?:[.,'’٫٬\u00a0\u202f]\d+)*)(?=[ \u00a0\u202f-]?(?P<after>[%％٪°$€£¥₹]?[^\W\d_]*))"
    r"|(?P<word>[^\W\d_]+)|(?P<other>[^\s])"
)
_HAN = re.compile(r"[〇零一二两三四五六七八九十百千万亿]+(?:[个個人年月日天次种種位条座名岁倍成届])?")
_HAN_SCALES = {"千": 1_000, "万": 10_000, "萬": 10_000, "亿": 100_000_000, "億": 100_000_000}
_HUNDRED, _THOUSAND = 100, 1_000
_JOINS = frozenset({"and", "-", "und", "et", "y", "e"})
_PERCENT = re.compile(
    r"[%％٪]|per ?cent|prozent|por ?cien|pour ?cent|per cento|procent|процент|yüzde|τοις εκατό|百分|パーセント|퍼센트"
    r"|เปอร์เซ็นต์|phần trăm|प्रतिशत|بالمئة|في المائة",
    re.IGNORECASE,
)
_CHINESE_NOT = re.compile(
    "不[断同少仅久过管但论只]|非[常洲凡]|无[论线数]|未来|差不多|南非|(?P<no>[不没沒未无無非勿否])"
)
_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9'&.-]*[A-Za-z0-9]")
_SPACELESS = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a claim says and no passage does; `label` is quote, number or name."""

    label: str
    reason: str


def faults(claim: Claim, passages: Sequence[Passage], *, native: bool, thorough: bool = True) -> Iterator[Fault]:
    """What of a claim stands in none of these passages.

    `native`: it is in their language, so that quotes and names are spelled as theirs are. `thorough`: names are
    looked for in other forms, too ("US" for "United States"), which takes a millisecond a passage.
    """
    said = LIST_MARK.sub("", claim.text, count=1)
    if native and (missing := _quotes(said, passages)):
        yield Fault("quote", f"no passage says {_listed(missing)}")
    if missing := _numbers(said, claim.language, passages):
        yield Fault("number", f"no passage holds {_listed(missing)}")
    if native and (missing := _names(said, claim.language, passages, thorough=thorough)):
        yield Fault("name", f"no passage names {_listed(missing)}")


def denies(text: str, language: str) -> bool:
    """Whether a text says of something that it is not so, as far as its words tell.

    >>> denies("It does not ship.", "en"), denies("它没有发布。", "zh"), denies("It ships.", "en")
    (True, True, False)
    """
    if language == "zh":
        return any(match["no"] for match in _CHINESE_NOT.finditer(text))
    return bool(negations(text, language=language))


def _listed(found: Sequence[str]) -> str:
    told = [f"“{one if len(one) <= 60 else one[:59] + '…'}”" for one in found[:MOST_TOLD]]
    return ", ".join(told) + (" and others" if len(found) > MOST_TOLD else "")


# ── Quotes ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _quotes(said: str, passages: Sequence[Passage]) -> list[str]:
    """Those that no passage holds word for word; "…" stands for what was left out."""
    missing: list[str] = []
    for match in QUOTED.finditer(said):
        pieces = [piece.strip(" .,:;!?'") for piece in re.split(r"\.\.\.|\[[^\]]*\]", folded(match["words"]))]
        looked = [piece for piece in pieces if len(piece) >= SHORTEST_QUOTE]
        if not all(any(piece in passage.folded for passage in passages) for piece in looked):
            missing.append(match["words"].strip())
    return missing


# ── Numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _Number:
    value: str
    written: str
    unit: str = ""
    parts: tuple[str, ...] = ()  # the numbers that it is put together from
    spelled: bool = False


def _numbers(said: str, language: str, passages: Sequence[Passage]) -> list[str]:
    """The dates, numbers and units of a sentence that no passage holds, as they are written."""
    every = [_known(passage) for passage in passages]
    values = frozenset[str]().union(*(one[0] for one in every))
    days = frozenset[str]().union(*(one[1] for one in every))
    measures = frozenset[str]().union(*(one[2] for one in every))
    missing: dict[str, None] = {}
    within: set[str] = set()
    for date in dates(said):
        parts = [part for part in date.lstrip("-").split("-") if part]
        within |= {str(int(part)) for part in parts}
        if not _dated(date, days, values):
            missing[date.replace("--", "")] = None
    for number in _read(unicodedata.normalize("NFKC", said), language):
        written = number.written.casefold()
        if number.value in within or (number.spelled and number.value in ("0", "1")):
            continue
        if number.spelled and any(written in passage.folded for passage in passages):
            continue
        if number.value not in values or (number.unit and number.unit not in measures):
            missing[number.written] = None
    return list(missing)


def _dated(date: str, days: frozenset[str], values: frozenset[str]) -> bool:
    """Whether a date is known: the year somewhere, and the month with its day in one place."""
    if date in days or any(one.startswith(date) for one in days):
        return True
    year, _, rest = date.partition("-") if not date.startswith("--") else ("", "", date[2:])
    if year and year not in values and not any(one.startswith(year) for one in days):
        return False
    return not rest or any(one.endswith(rest) or f"-{rest}-" in one for one in days)


def _known(passage: Passage) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """The values, dates and units of a passage."""
    if passage.facts is None:
        text = unicodedata.normalize("NFKC", passage.text)
        read = list(_read(text, passage.language))
        values = {value for number in read for value in (number.value, *number.parts)}
        measures = {*units(text), *(["%"] if _PERCENT.search(text) else [])}
        passage.facts = frozenset(values), frozenset(dates(text)), frozenset(measures)
    return passage.facts


def _read(text: str, language: str) -> Iterator[_Number]:
    """The numbers of a text, those in words put together: "two hundred and five" is one."""
    words = NUMBERS.get(language, {})
    run: list[tuple[str, int]] = []
    read = 0  # what stands before it is part of a number
    for token in _NUMBER.finditer(text):
        word = (token["word"] or token["other"] or "").casefold()
        if token.start() < read or (run and word in _JOINS):
            continue
        if word in words:
            run.append((token[0], words[word]))
            continue
        if run:
            yield _spelled(run)
            run = []
        if token["digits"]:
            found, scaled = _digits(token, words)
            read = token.end("after") if scaled and not _SPACELESS.match(token["after"]) else 0
            yield found
        elif word and _SPACELESS.match(word):
            yield from _han(token[0])
    if run:
        yield _spelled(run)


def _spelled(run: Sequence[tuple[str, int]]) -> _Number:
    total = current = 0
    for _, value in run:
        if value >= _THOUSAND:
            total, current = total + max(1, current) * value, 0
        elif value == _HUNDRED:
            current = max(1, current) * value
        else:
            current += value
    written = " ".join(word for word, _ in run)
    parts = tuple(str(value) for _, value in run)
    return _Number(str(total + current), written, parts=parts, spelled=True)


def _digits(token: re.Match[str], words: Mapping[str, int]) -> tuple[_Number, bool]:
    """A number in digits with its unit, and whether the word after it tells its size: "1.2 million"."""
    digits, after = token["digits"], token["after"]
    value = (numbers(digits, language="") or (digits,))[0]
    scale = words.get(after.casefold(), 0)
    scale = scale if scale >= _HUNDRED else _HAN_SCALES.get(after[:1], 0)
    if scale:
        word = after[:1] if _SPACELESS.match(after) else f" {after}"
        return _Number(_times(value, scale), digits + word, parts=(value,)), True
    if _PERCENT.match(after):
        return _Number(value, f"{digits} %", unit="%"), False
    found = units(f"{value} {after}") if after and not _SPACELESS.match(after) else ()
    return _Number(value, f"{digits} {after}" if found else digits, unit=found[0] if len(found) == 1 else ""), False


def _times(value: str, scale: int) -> str:
    product = round(float(value) * scale, 6)
    return f"{product:.6f}".rstrip("0").rstrip(".")


def _han(run: str) -> Iterator[_Number]:
    for match in _HAN.finditer(run):
        for value in numbers(match[0], language="zh"):
            yield _Number(value, match[0], spelled=True)


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _names(said: str, language: str, passages: Sequence[Passage], *, thorough: bool) -> list[str]:
    """The names of a sentence that no passage holds, as they are written."""
    letters = [letter for letter in said if letter.isalpha()]
    if sum(map(str.isupper, letters)) > SHOUTED * len(letters):
        return []
    if language in UNSPACED:
        latin = dict.fromkeys(word for word in _LATIN.findall(said) if any(map(str.isupper, word)))
        return [word for word in latin if not any(word.casefold() in passage.folded for passage in passages)]
    found = list(proper_names(said, language=language))
    if language == "de":  # there any noun has a capital
        parts = {name: re.split(r"\W+", name.written) for name in found}
        found = [name for name in found if any(letter.isupper() for part in parts[name] for letter in part[1:])]
    found = [name for name in found if not any(name.folded in passage.vocabulary for passage in passages)]
    own = [word.casefold() for word in WORD.findall(said)]
    for passage in passages if found and thorough else ():
        left = set(lacking(found, passage.words, own=own, language=language))
        found = [name for name in found if name.folded in left]
    return list(dict.fromkeys(name.written for name in found))
