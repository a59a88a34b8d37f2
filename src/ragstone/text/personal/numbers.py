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
_SURE = {15, 16}  # digits of nearly all cards


def cards(text: str) -> Iterator[Span]:
    """Numbers of payment cards: a known issuer, and the checksum of ISO/IEC 7812 (Luhn)."""
    for found in _CARD.finditer(text):
        digits = re.sub(r"\D", "", found[0])
        if not _luhn(digits) or len(set(digits)) == 1 or not _ISSUER.match(digits):
            continue
        grouped = len(digits) != len(found[0])
        if len(digits) in _SURE or grouped or said_before(_ABOUT_CARDS, text, found.start()):
            yield Span(found.start(), found.end(), "CREDIT_CARD")


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


# ── Accounts ────────────────────────────────────────────────────────────────────────────────────────────────────────

_LENGTHS = dict(
    pair.split(":")
    for pair in (
        "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 CY:28 CZ:24 DE:22 DJ:27 "
        "DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 "
        "IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 "
        "MK:19 MN:20 MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 RU:33 SA:24 "
        "SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 UA:29 VA:22 VG:24 XK:20 YE:30"
    ).split()
)
"""Characters of an IBAN by country, after the IBAN registry of SWIFT."""

_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")


def ibans(text: str) -> Iterator[Span]:
    """Numbers of bank accounts that begin with a country: its length, and the checksum of ISO 13616 (97)."""
    for found in _IBAN.finditer(text):
        length = int(_LENGTHS.get(found[0][:2].upper(), "0"))
        places = [at for at, letter in enumerate(found[0]) if letter.isalnum()]
        if not length or len(places) < length:
            continue
        end = places[length - 1] + 1  # the match may have gone on into the next word
        after = text[found.start() + end : found.start() + end + 1]
        if not after.isalnum() and _mod97("".join(found[0][at] for at in places[:length]).upper()):
            yield Span(found.start(), found.start() + end, "IBAN_CODE")


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
        if (mark != "-" and not named) or "0" * 2 == group or "0" * 4 == serial or area in ("000", "666"):
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
                yield Span(found.start(), found.end(), type_, 0.8)


def _fits(type_: str, said: str, least: int, most: int) -> bool:
    digits = sum(letter.isdigit() for letter in said)
    if not least <= len(said) <= most or digits < 4:
        return False
    return type_ != "UK_NHS" or (digits == len(said) and _mod11(said))


def _mod11(digits: str) -> bool:
    """The checksum of NHS numbers: the data dictionary of the NHS, attribute NHS NUMBER."""
    rest = 11 - sum(int(digit) * (10 - place) for place, digit in enumerate(digits[:9])) % 11
    return rest % 11 == int(digits[9])
