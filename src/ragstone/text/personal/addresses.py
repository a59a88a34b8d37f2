"""Finds the addresses of houses: a number beside the name of a street, with what follows it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragstone.text.personal.spans import Span, said_before

__all__ = ["addresses"]

_KINDS = (
    "Street|St|Str|Road|Rd|Avenue|Ave|Av|Boulevard|Blvd|Bd|Lane|Ln|Drive|Dr|Way|Court|Ct|Square|Sq|Terrace|Parkway|Pkwy"
    "|Highway|Hwy|Close|Crescent|Alley|Walk|Row|Trail|Place|Pl|Mews|Quay|Grove|Circle|Rue|Via|Viale|Vicolo|Calle|C/"
    "|Avenida|Avda|Rua|Travessa|Praça|Plaza|Piazza|Corso|Chemin|Quai|Strada|Ulica|Ul|Trg|Náměstí|Utca|Út|Útja|Tér|Rkp"
    "|Straat|Laan|Plein|Baan|Gade|Gate|Vej|Vei|Weg|Straße|Strasse|Gasse|Platz|Allee|Katu|Tie|Põik|Tänav|Sokak|Caddesi"
)
_ENDS = (
    "straße|strasse|str|gasse|weg|platz|allee|gade|gatan|gata|vej|vegur|veien|vegen|gate|braut|straat|laan|dreef|plein"
    "|katu|utca|kuja|väg|vägen|stigen|vænget|krogen|toften|graben|steig|damm|ufer"
)
_STREET = re.compile(rf"(?<![\w/])(?:{_KINDS})(?!\w)|\w{{2,30}}(?:{_ENDS})(?!\w)", re.IGNORECASE)

_LETTER = r"[^\W\d_]"
_CAPITAL = r"(?:[^\W\d_a-z]|C/)"
_LINK = (
    r"(?:d[aeiou]s?|del|della|dell'|la|le|les|los|las|el|al|van|von|de[nr]|du|of|the|y|e|i|u\.|ul\.|og|op|an?|am|im"
    r"|zu[mr]?)"
)
_NO_FLAT = r"(?!(?:Suite|Apt|Apartment|Unit|Flat|Floor|Room|Ste|suite|apt|flat|unit)\b)"
_WORD = rf"(?:{_NO_FLAT}{_CAPITAL}[\w'’./-]{{0,30}}|{_LINK}(?= )|\d{{1,3}}(?:st|nd|rd|th)(?!\w))"
_ANY = rf"(?:{_NO_FLAT}{_LETTER}[\w'’./-]{{0,30}}|\d{{1,3}}(?:st|nd|rd|th)(?!\w))"
_HOUSE = r"\d{1,5}[A-Za-z]?"

_BEGIN, _LAST = r"(?<![\w./:$€£#-])", rf"(?: {_HOUSE}\.?(?![\w-]))?"
_BEFORE = re.compile(rf"{_BEGIN}{_HOUSE}(?:[ -]{_HOUSE})? {_WORD}(?: {_WORD}){{0,6}}{_LAST}")
_AFTER = re.compile(rf"(?<![\w./:-]){_CAPITAL}[\w'’./-]{{0,30}}(?: {_WORD}){{0,4}} {_HOUSE}\.?(?![\w./:%-])")
_LOWER = re.compile(rf"{_BEGIN}{_HOUSE}(?:[ -]{_HOUSE})? {_ANY}(?: {_ANY}){{0,3}}{_LAST}")

_POST = re.compile(
    r"(?<!\w)(?:Unit \d{3,5},? Box \d{3,5}|PSC \d{1,5},? Box \d{1,5}|(?:USS|USNS|USNV|USCGC) [\w'’-]{2,30})"
    r"[\s,]{1,3}[ADF]PO,? A[AEP] \d{5}(?:-\d{4})?(?!\w)",
    re.IGNORECASE,
)
_BOX = re.compile(
    rf"(?<!\w)(?:{_HOUSE} )?P\.? ?O\.? ?Box \d{{1,6}}(?!\w)|(?<!\w)Postfach \d[\d ]{{1,8}}\d", re.IGNORECASE
)
_CORNER = re.compile(rf"(?:the )?corner of {_ANY}(?: {_ANY}| {_HOUSE}\.?){{0,6}}? and "
                     rf"(?:{_WORD}|{_ANY}(?= {_HOUSE}))(?: {_WORD}){{0,4}}(?: {_HOUSE}(?!\w))?|(?:the )?corner of "
                     rf"\d{{1,4}} {_ANY}(?: {_ANY}){{0,4}}? and {_ANY}(?: {_WORD}){{0,4}}")  # fmt: skip

_UNIT = re.compile(
    r"[\s,]{1,3}(?:Suite|Apt|Apartment|Unit|Flat|Floor|Room|Ste|Rm|Top|#)\b\.? ?#?\d{1,5}[A-Za-z]?(?!\w)", re.IGNORECASE
)
_PART = re.compile(
    rf"(?: {{0,2}}\n {{0,2}},? ?|, ?| ){_CAPITAL}(?:[^\W\d]|['’./-]){{0,30}}(?!\w)(?: (?:{_WORD})){{0,4}}"
)
_CODE = re.compile(
    r"[ ,\n]{1,4}(?:[A-Z]{2} )?(?:\d{4,6}(?:-\d{3,4})?|[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|\d{3} \d{2})(?![\w-]|[.,]\d)"
)
_NAMED = re.compile(
    r"\b(?:address(?:es)?|live[sd]? at|resid\w{1,4} at|located at|offices? (?:is|are) (?:at|in)|moved to"
    r"|wohn\w{0,3} in|domicili\w{0,4}|adresse?|dirección|indirizzo"
    r"|(?:sen[dt]|ship\w{0,4}|deliver\w{0,2}|mail\w{0,2}) (?:it )?to)"
    r"\W{0,3}(?:\w+ ){0,3}\W{0,2}$",
    re.IGNORECASE,
)  # fmt: skip
MOST_PARTS = 3  # of a place behind a street: its district, town and country


def addresses(text: str) -> Iterator[Span]:
    """Streets with their numbers, post boxes, corners, and the town behind them where a code or a flat says so."""
    for pattern in (_POST, _CORNER):
        for found in pattern.finditer(text):
            yield Span(found.start(), _rest(text, found.end(), flat=False), "STREET_ADDRESS", 0.9)
    for pattern in (_BEFORE, _AFTER, _LOWER, _BOX):
        for found in pattern.finditer(text):
            end = _end_of_street(text, found) if pattern is _LOWER else found.end()
            span = _span(text, found.start(), end, boxed=pattern is _BOX) if end else None
            if span is not None:
                yield span


def _end_of_street(text: str, found: re.Match[str]) -> int:
    """Where the street ends in words of which not all may be its name; 0 where there is none."""
    streets = [one for one in _STREET.finditer(found[0]) if " " in found[0][: one.start()].strip()]
    any_street = _STREET.search(found[0])
    if any_street and (found[0].rstrip(".")[-1].isdigit() or _UNIT.match(text, found.end())):
        return found.end()
    return found.start() + streets[-1].end() if streets else 0


def _span(text: str, start: int, end: int, *, boxed: bool) -> Span | None:
    street = boxed or _STREET.search(text, start, end) is not None
    named = said_before(_NAMED, text, start)
    flats = _flats(text, end)
    if not (street or named or flats > end):
        return None
    whole = _rest(text, flats, flat=flats > end)
    coded = whole > flats and _CODE.search(text, end, whole) is not None
    score = 0.55 + 0.1 * street + 0.1 * named + 0.1 * (flats > end) + 0.1 * coded
    return Span(start, whole - text[start:whole].endswith("."), "STREET_ADDRESS", round(score, 2))


def _flats(text: str, at: int) -> int:
    """Where the flats and floors end that are named from here on."""
    for _ in range(MOST_PARTS):
        found = _UNIT.match(text, at)
        if found is None:
            break
        at = found.end()
    return at


def _rest(text: str, at: int, *, flat: bool) -> int:
    """Where the place ends that follows, as far as it belongs to the address: up to a code, or behind a flat."""
    end = at
    for _ in range(MOST_PARTS + 1):
        if (code := _CODE.match(text, end)) is not None:
            return code.end()
        part = _PART.match(text, end)
        if part is None:
            break
        end = part.end()
    return end if flat else at
