"""What a check says of the personal data in a text, and the text with masks in its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ragstone.text.personal.spans import Span
from ragstone.verdicts import PASSED, Finding, Flaw

__all__ = ["finding", "mask", "masked"]


def mask(type_: str) -> str:
    """What stands in place of something of that type.

    >>> mask("EMAIL_ADDRESS")
    '<EMAIL_ADDRESS>'
    """
    return f"<{type_}>"


def masked(text: str, spans: Iterable[Span], name: Callable[[Span], str] = lambda span: mask(span.type)) -> str:
    """The text with a name in place of each span; the spans are in order and do not overlap."""
    pieces: list[str] = []
    at = 0
    for span in spans:
        pieces += [text[at : span.start], name(span)]
        at = span.end
    return "".join([*pieces, text[at:]])


def finding(text: str, spans: Sequence[Span]) -> Finding:
    """What a check says of a text that holds these: it names their types and places, and never what they say."""
    if not spans:
        return PASSED
    counted = Counter(span.type for span in spans)
    said = ", ".join(name if number == 1 else f"{name} ({number})" for name, number in sorted(counted.items()))
    return Finding(
        passed=False,
        reason=f"it holds personal data: {said}",
        flaws=tuple(Flaw(span.start, span.end, "personal data", span.type) for span in spans),
        fixed=masked(text, spans),
        score=max(span.score for span in spans),
    )
