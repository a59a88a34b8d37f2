"""What a question asks for by its question words: who, when, where, how many, why, or how."""

from __future__ import annotations

import re
from functools import cache

from ragstone.text.contrast_words import ASKING, UNSPACED

__all__ = ["asked_for"]


FARTHEST = 3
"""Words that may stand before a question word in its clause; further on it mostly joins: "what to do when bored"."""

_CLAUSES = re.compile(r"[?!.,;:]+\s|\b(?:and|und|et|y|e|en|и)\b")
_TOLD = re.compile(
    r"^\W*(?:please|(?:can|could|would) (?:you|anyone|someone)|do(?:es)? (?:you|anyone)|tell|explain|i )"
)


def asked_for(question: str, *, language: str) -> tuple[str, ...]:
    """Of quantity, time, place, person, reason and way what each clause asks for; none where no word tells.

    The first question word of a clause counts: "how do I know when it ends" asks for a way. "What" tells nothing.

    >>> asked_for("What is the best way to brew tea?", language="en") == asked_for("How do I brew it?", language="en")
    True
    >>> asked_for("When and why was it built?", language="en"), asked_for("Is tea healthy?", language="en")
    (('time', 'reason'), ())
    """
    pattern = _pattern(language)
    if pattern is None:
        return ()
    folded = question.casefold()
    if language in UNSPACED:
        found = pattern.search(folded)
        return (found.lastgroup or "",) if found else ()
    kinds: list[str] = []
    for clause in _CLAUSES.split(folded):
        found = pattern.search(clause)
        if found and (len(clause[: found.start()].split()) <= FARTHEST or _TOLD.match(clause)):
            kinds.append(found.lastgroup or "")
    return tuple(kinds)


@cache
def _pattern(language: str) -> re.Pattern[str] | None:
    listed = ASKING.get(language)
    if listed is None:
        return None
    joined = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in listed.items())
    return re.compile(joined if language in UNSPACED else rf"(?<!\w)(?:{joined})(?!\w)")
