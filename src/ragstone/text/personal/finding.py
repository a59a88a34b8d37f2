"""Finds personal data in a text by patterns, checksums and what is said beside it; no model, and no names of people.

    find("Write to jane@example.com or call 0231 555 0142.")  →  an e-mail address and a telephone number

All of it takes time linear in the text. Characters that hide (zero-width spaces, look-alikes, full-width letters) are
seen through, and ranges are those of the text as it was given.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from ragstone.text.personal.addresses import addresses
from ragstone.text.personal.dates import ages, dates
from ragstone.text.personal.numbers import cards, ibans, papers, ssns
from ragstone.text.personal.online import emails, ips, urls
from ragstone.text.personal.phones import phones
from ragstone.text.personal.spans import ABOUT, TYPES, Span
from ragstone.text.personal.words import nationalities, titles
from ragstone.text.unmask import unmask

__all__ = ["apart", "find"]

Finder = Callable[[str], Iterator[Span]]

FINDERS: tuple[tuple[frozenset[str], Finder], ...] = (
    (frozenset({"EMAIL_ADDRESS"}), emails),
    (frozenset({"IBAN_CODE"}), ibans),
    (frozenset({"CREDIT_CARD"}), cards),
    (frozenset({"US_SSN", "US_ITIN"}), ssns),
    (frozenset({"IP_ADDRESS"}), ips),
    (frozenset({"US_PASSPORT", "US_DRIVER_LICENSE", "US_BANK_NUMBER", "UK_NHS"}), papers),
    (frozenset({"PHONE_NUMBER"}), phones),
    (frozenset({"DATE_TIME"}), dates),
    (frozenset({"URL"}), urls),
    (frozenset({"STREET_ADDRESS"}), addresses),
    (frozenset({"AGE"}), ages),
    (frozenset({"TITLE"}), titles),
    (frozenset({"NRP"}), nationalities),
)
"""Who finds which types. Where two claim the same characters the surer one has them, and of equals the longer.

So those that identify are looked for even where they are not wanted: else a card would be taken for a telephone.
"""


def find(text: str, types: Collection[str] = TYPES) -> list[Span]:
    """The personal data of these types in a text, in order; no two ranges overlap.

    >>> [text[span.start : span.end] for span in find(text := "Mail jane@example.com.")]
    ['jane@example.com']
    """
    seen = unmask(text)
    wanted = set(types)
    asked = (finder for own, finder in FINDERS if not own.isdisjoint(wanted) or own.isdisjoint(ABOUT))
    found = apart(span for finder in asked for span in finder(seen.text))
    kept = (span for span in found if span.type in wanted)
    if seen.text is text:
        return list(kept)
    return [Span(*seen.range(span.start, span.end), span.type, span.score) for span in kept]


def apart(spans: Iterable[Span]) -> list[Span]:
    """Those of the spans that are surest, none of which overlaps another, in order."""
    ranked = sorted(spans, key=lambda one: (-one.score, one.start - one.end, one.start))
    claimed: set[int] = set()

    def claims(span: Span) -> bool:
        places = range(span.start, span.end)
        if not places or not claimed.isdisjoint(places):
            return False
        claimed.update(places)
        return True

    return sorted(span for span in ranked if claims(span))
