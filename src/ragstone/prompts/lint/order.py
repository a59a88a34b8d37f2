"""Rules about the order of a prompt: what stays the same first, then what was retrieved, the question last."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from ragstone.prompts.lint.finding import Fault
from ragstone.prompts.reading import Piece, Reading

__all__ = ["changing_value", "fixed_date", "late_instruction", "question_first"]

LONGEST_INDICATOR = 25  # words: "Answer in one sentence, with the number of the passage" may come last

_CHANGING = {"date", "time", "now", "today", "timestamp", "id", "uuid", "session", "request", "nonce", "random"}
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|\d+")
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_NOW = re.compile(
    rf"\b(?:today|now|(?:the |today's )?(?:current )?(?:date|time|year))\b,? (?:is|=|:)[^.]{{0,20}}(?:\d{{4}}|{_MONTH})"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
    re.IGNORECASE,
)
_ORDER = re.compile(
    r"(?:^|[.:!?;]\s+|^\W+)(?:please |then |always |never |now )?(?:answer|write|use|say|give|do not|don't|never|reply|"
    r"respond|list|cite|keep|ignore|follow|return|explain|summari[sz]e|make sure|remember|you must|you should|begin|"
    r"name|quote|think|check)\b",
    re.IGNORECASE,
)


def question_first(reading: Reading) -> Iterator[Fault]:
    """The question before the passages, and not after them. What need not be given is no question."""
    names = [given.name for given in reading.file.inputs if reading.file.trust[given.name] == "user" and given.required]
    passages = [index for index, piece in enumerate(reading.pieces) if _puts(piece, "passages")]
    asked = [index for index, piece in enumerate(reading.pieces) if piece.role == "user" and _puts(piece, *names)]
    if passages and asked and max(asked) < min(passages):
        yield Fault(
            reading.pieces[asked[-1]].where,
            f"{reading.pieces[asked[-1]].text} stands before the passages",
            "Move it below {{ passages }}.",
        )


def late_instruction(reading: Reading) -> Iterator[Fault]:
    """More than a short reminder of the form after text that others wrote."""
    quoted = [index for index, piece in enumerate(reading.pieces) if piece in reading.slots("retrieved", "tool")]
    if not quoted:
        return
    after = [p for p in reading.pieces[max(quoted) + 1 :] if p.kind == "text" and p.role != "assistant"]
    for _, lines in groupby(after, key=lambda piece: piece.message):
        ordering = _orders(list(lines))
        if sum(len(piece.text.split()) for piece in ordering) > LONGEST_INDICATOR:
            yield Fault(
                ordering[0].where,
                "instructions stand after the retrieved text",
                f"Move them into the system message; up to {LONGEST_INDICATOR} words on the form may stay.",
            )


def _orders(lines: Sequence[Piece]) -> list[Piece]:
    """The lines from the first that gives an order on."""
    first = next((index for index, piece in enumerate(lines) if _ORDER.search(piece.text.strip())), len(lines))
    return list(lines[first:])


def changing_value(reading: Reading) -> Iterator[Fault]:
    """A date, a time or a number of a request in the system message."""
    for piece in reading.pieces:
        for name in piece.names if piece.kind == "slot" and piece.role == "system" else ():
            if _CHANGING & {part.lower() for part in _PARTS.findall(name)}:
                yield Fault(
                    piece.where,
                    f"{piece.text} changes from request to request, and stands in the system message",
                    "Move it into the last user message, just before the question.",
                )


def fixed_date(reading: Reading) -> Iterator[Fault]:
    """Today's date, or an id, written into the words."""
    for piece in reading.words:
        if found := _NOW.search(piece.text):
            yield Fault(
                piece.at(found.start()),
                f"'{found[0]}' holds on one day, or for one request, only",
                "Take it out, or declare an input for it and put that before the question.",
            )


def _puts(piece: Piece, *names: str) -> bool:
    return piece.kind == "slot" and any(name in piece.names for name in names)
