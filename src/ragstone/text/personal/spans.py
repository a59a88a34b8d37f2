"""What personal data is: a range of a text, and what kind of thing it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["ABOUT", "IDENTIFYING", "TYPES", "Span", "said_before"]

IDENTIFYING = (
    "EMAIL_ADDRESS",
    "PHONE_NUMBER",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "STREET_ADDRESS",
    "US_SSN",
    "US_ITIN",
    "US_PASSPORT",
    "US_DRIVER_LICENSE",
    "US_BANK_NUMBER",
    "UK_NHS",
)
"""The types that lead to one person, or to an account or a house of hers."""

ABOUT = ("DATE_TIME", "AGE", "TITLE", "NRP", "URL")
"""The types that say something of a person and lead to nobody by themselves: dates, ages, titles, nationalities."""

TYPES = (*IDENTIFYING, *ABOUT)
"""All of them, by the names that Presidio has for them."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A range [start, end) of a text in characters, its type, and how sure it is, in (0, 1]."""

    start: int
    end: int
    type: str
    score: float = 1.0


BEFORE = 60  # characters before a number in which it may be named


def said_before(pattern: re.Pattern[str], text: str, start: int) -> bool:
    """Whether shortly before a place of a text something is named: `social security number` before nine digits."""
    return pattern.search(text, max(0, start - BEFORE), start) is not None
