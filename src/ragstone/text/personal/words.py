"""Finds what one word tells of a person: a title, a nationality."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from ragstone.text.personal.spans import Span

__all__ = ["nationalities", "titles"]

_TITLE = re.compile(
    r"(?<![\w.])(?:(?:Mr|Mrs|Ms|Mx|Dr|Prof|Rev|Hon|Sr|Sra|Srta|Mme|Mlle)\.?|Miss|Mister|Madam|Sir|Dame|Professor|Herr|Frau"
    r"|Señora?|Señorita|Monsieur|Madame|Mademoiselle|Signora?)(?= (?:[^\W\d_a-z]|[^\W\d_]\.))"
)
_LOWER = re.compile(r"(?<![\w.])(?:mr|mrs|ms|dr|prof)\.(?= [^\W\d_])")


def titles(text: str) -> Iterator[Span]:
    """`Dr.` or `Miss` before a name."""
    for pattern in (_TITLE, _LOWER):
        for found in pattern.finditer(text):
            yield Span(found.start(), found.end(), "TITLE", 0.6)


@cache
def _pattern() -> re.Pattern[str]:
    said = files("ragstone.text.personal").joinpath("nationalities.txt").read_text(encoding="utf-8")
    lines = [line for line in said.splitlines() if not line.startswith("#")]
    words = sorted({re.escape(word) for line in lines for word in line.split()})
    lands = "Republic|Arabia|Federation|Sea|Ocean|Islands?|Union"  # what makes a place of them
    return re.compile(rf"(?<![\w-])(?:{'|'.join(words)})(?:s|es)?(?![\w-]| (?:{lands})\b)", re.IGNORECASE)


def nationalities(text: str) -> Iterator[Span]:
    """Names of nations and creeds, as in `a Danish engineer`: what Presidio calls NRP."""
    for found in _pattern().finditer(text):
        yield Span(found.start(), found.end(), "NRP", 0.5)
