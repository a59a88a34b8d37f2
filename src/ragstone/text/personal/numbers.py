"""Finds numbers that prove themselves by a checksum, or by what is said before them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ragstone.text.personal.spans import Span, said_before

__all__ = ["cards", "ibans", "papers", "ssns"]

# ── Cards ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_CARD = re.compile(r"(?<![\w.+-])(?:[2-6]\d{3}|1800)(?:[ -]?\d){8,15}(?![\w]|-\d|\.\d)")
_ISSUER = re.compile(
    r"4|5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720|3[47]|35|30[0-5]|309|36|3[89]|2131|1800|6011|64[4-9]|65|62|60|81|82"
    r"|50|5[6-9]|6[13-9]"
)
_ABOUT_CARDS = re.compile(r"card|credit|debit|visa|master|amex|maestro|\bcc\b|karte|carte|tarjeta|卡", re.IGNORECASE)
LEAST = 12  # digits of a card
_SURE = {15, 16}  # digits of nearly all cards


def cards(text: str) -> Iterator[Span]:
    """Numbers of payment cards: a known issuer, and the checksum of ISO/IEC 7812 (Luhn)."""
    at = 0
    while (found := _CARD.search(text, at)) is not None:
        start = at = found.start()
        places = [place for place in range(start, found.end()) if text[place].isdigit()]
        named = said_before(_ABOUT_CARDS, text, start)
        for length in range(len(places), LEAST - 1, -1):  # what stands behind a card may be the next one
            end = places[length - 1] + 1
            if text[end : end + 1].isdigit():
                continue
            digits = "".join(text[place] for place in places[:length])
            if _is_card(digits, grouped=end - start != length, named=named):
                yield Span(start, end, "CREDIT_CARD")
                at = end
                break
        at = max(at, start + 1)


def _is_card(digits: str, *, grouped: bool, named: bool) -> bool:
    if not _luhn(digits) or len(set(digits)) == 1 or not _ISSUER.match(digits):
        return False
    return len(digits) in _SURE or grouped or named


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


# ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────────────

_BY_COUNTRY = (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 "
    "ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 "
    "LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 "
    "PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 "
    "YE30"
)
_LENGTHS = {each[:2]: int(each[2:]) for each in _BY_COUNTRY.split()}
"""Characters of an IBAN by country, after the IBAN registry of SWIFT."""

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")


def ibans(text: str) -> Iterator[Span]:
    """Numbers of bank accounts that begin with a country: its length, and the checksum of ISO 13616 (97)."""
    at = 0
    while (found := _IBAN.search(text, at)) is not None:
        start = found.start()
        at = start + 2
        length = _LENGTHS.get(found[0][:2].upper(), 0)
        places = [place for place in range(start, found.end()) if text[place].isalnum()]
        if not length or len(places) < length:
            continue
        end = places[length - 1] + 1  # the match may have gone on into the next word
        if not text[end : end + 1].isalnum() and _mod97("".join(text[place] for place in places[:length]).upper()):
            yield Span(start, end, "IBAN_CODE")
            at = end


def _mod97(said: str) -> bool:
    return int("".join(str(int(letter, 36)) for letter in said[4:] + said[:4])) % 97 == 1


# ── Persons ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_NINE = re.compile(r"(?<![\w.-])(\d{3})([- .]?)(\d{2})\2(\d{4})(?![\w]|-\d|\.\d)")
_ABOUT_SSN = re.compile(r"\bssns?\b|social[ -]?security|\btaxpayer|\bitin\b", re.IGNORECASE)


def ssns(text: str) -> Iterator[Span]:
    """US social security numbers as they are given out, and the taxpayer numbers beside them (ITIN)."""
    for found in _NINE.finditer(text):
        area, mark, group, serial = found.groups()
        named = said_before(_ABOUT_SSN, text, found.start())
        if (mark != "-" and not named) or group == "0" * 2 or serial == "0" * 4 or area in ("000", "666"):
            continue
        if area[0] == "9":
            if 50 <= int(group) <= 99:
                yield Span(found.start(), found.end(), "US_ITIN", 0.9)
            continue
        yield Span(found.start(), found.end(), "US_SSN", 1.0 if named else 0.9)


# ── What only its name tells ────────────────────────────────────────────────────────────────────────────────────────

_IDS = re.compile(r"(?<![\w-])(?=[A-Za-z0-9 -]{0,14}\d)[A-Za-z]{0,3}\d[A-Za-z0-9]*(?:[ -]\d[A-Za-z0-9]*){0,4}(?![\w])")
_NAMED = (
    ("US_DRIVER_LICENSE", re.compile(r"driver.{0,3} (?:licen[sc]e|permit)|driving licen[sc]e|\bDL\b ?(?:#|no|:)"
                                     r"|licen[sc]e (?:number|no\b|#)", re.IGNORECASE), 6, 17),
    ("US_PASSPORT", re.compile(r"passport", re.IGNORECASE), 7, 9),
    ("UK_NHS", re.compile(r"\bnhs\b|national health", re.IGNORECASE), 10, 10),
    ("US_BANK_NUMBER", re.compile(r"(?:account|acct|routing)\W{0,2} ?(?:number|no\b|#|num\b)|bank account"
                                  r"|(?:savings|checking) account", re.IGNORECASE), 8, 17),
)  # fmt: skip
_GAP = 40  # characters between the name of a number and the number


def papers(text: str) -> Iterator[Span]:
    """Numbers of papers and accounts, which could be any: those that are named shortly before."""
    for type_, about, least, most in _NAMED:
        for name in about.finditer(text):
            found = _IDS.search(text, name.end(), min(len(text), name.end() + _GAP + most + 4))
            while found is not None and not _fits(type_, re.sub(r"[^A-Za-z0-9]", "", found[0]), least, most):
                found = _IDS.search(text, found.end(), min(len(text), name.end() + _GAP + most + 4))
            if found is not None and found.start() - name.end() <= _GAP:
                yield Span(found.start(), found.end(), type_, 0.87)


def _fits(type_: str, said: str, least: int, most: int) -> bool:
    digits = sum(letter.isdigit() for letter in said)
    if not least <= len(said) <= most or digits < 4:
        return False
    return type_ != "UK_NHS" or (digits == len(said) and _mod11(said))


def _mod11(digits: str) -> bool:
    """The checksum of NHS numbers: the data dictionary of the NHS, attribute NHS NUMBER."""
    rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9])) % 11
    return rest % 11 == int(digits[9])
