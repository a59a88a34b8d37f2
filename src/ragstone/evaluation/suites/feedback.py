"""Cases from what people have said of answers.

- A correction is the expected answer, and what the answer has cited is left for a person to judge.
- Thumbs up: the documents that were cited are relevant; for an abstention, no document answers it. The answer's words
  are not made an expectation: many wordings are right, and a model's own is not for others to repeat.
- A question of a conversation may rest on what was said before it, and of a very long one a trace has the beginning:
  a person has to look at these in any case.
- Thumbs down without a correction, or a comment alone: nobody has said what is right, so a person has to.

What was liked or corrected has a tag that says so. What a person has to look at before it counts is a draft, and so
is a question of which people say different things.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ragstone.callers import KEPT
from ragstone.state.feedback import Feedback
from ragstone.text.answers import plain_words

__all__ = ["from_feedback"]

FACTS = 2  # keys of a case of which nobody has said what is right: its id and its question


def from_feedback(rows: Iterable[Feedback]) -> list[dict[str, Any]]:
    """Cases as they stand in a JSONL file, one for each question of the same readers, in the order of their first row.

    >>> from_feedback([Feedback(trace="a1", question="When is it?", answer="In June.", correction="In May.")])
    [{'id': 'feedback-a1', 'question': 'When is it?', 'expected': ['In May.'], 'tags': ['feedback', 'corrected']}]

    The id is that of the oldest trace, so that it stays when more people say something, and by it
    `ragstone feedback list` shows their comments.
    """
    groups: dict[tuple[str, ...], list[Feedback]] = {}
    for row in sorted(rows, key=lambda row: (row.given, row.trace, row.by)):
        groups.setdefault((*row.principals, "", *plain_words(row.question)), []).append(row)
    return [_case(group) for group in groups.values()]


def _case(rows: Sequence[Feedback]) -> dict[str, Any]:
    corrections = _unique(row.correction for row in rows if row.correction)
    liked = [row for row in rows if row.good and not row.correction]
    disliked = any(row.good is False for row in rows)
    silent = any(row.abstained for row in liked)
    relevant = _unique(uri for row in liked for uri in row.citations)
    case: dict[str, Any] = {"id": f"feedback-{rows[0].trace}", "question": rows[0].question}
    if corrections:
        case["expected"] = corrections
    if relevant:
        case["relevant"] = relevant
    if silent and not corrections and not relevant:
        case["abstains"] = True
    opinions = (silent, any(not row.abstained for row in liked), disliked or bool(corrections))
    follows = any(row.request != "ask" or len(row.question) > KEPT for row in rows)
    unsure = len(case) == FACTS or sum(opinions) > 1 or len(corrections) > 1 or follows
    case["tags"] = ["feedback", *(tag for tag, true in (("corrected", corrections), ("liked", liked)) if true)]
    if unsure:
        case["draft"] = True
    if rows[0].principals:
        case["principals"] = list(rows[0].principals)
    return case


def _unique(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))
