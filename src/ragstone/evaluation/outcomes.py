"""What came of one case: an answer as it is kept in a run's file, or the error that took its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ragstone.evaluation.cases import Case

__all__ = ["Outcome", "Passage"]

_MARKER = re.compile(r"\s?\[\d+\]")  # of a citation: it is no word of the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Characters `[start, end)` of a document: a hit, or what a citation quotes."""

    uri: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one pipeline said to one case, the `repeat`-th time from 0.

    `answer` is `Answer.as_dict()`; it is empty where `error` says why there is none. In a suite that only searches
    the answer holds nothing but its hits. `seconds` are those from the question to the whole answer.
    `rows` are the figures by the name of their metric, as `Metric.row` gives them, and `missed` says why one is
    missing that should be there.
    """

    case: Case
    pipeline: str
    repeat: int = 0
    answer: Mapping[str, Any] = field(default_factory=dict[str, Any])
    error: str = ""
    seconds: float = 0.0
    rows: Mapping[str, tuple[float, ...]] = field(default_factory=dict[str, tuple[float, ...]])
    missed: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def text(self) -> str:
        """The answer's words without its markers `[1]`; "" where it abstains."""
        return "" if self.abstained else _MARKER.sub("", str(self.answer.get("text", ""))).strip()

    @property
    def marked(self) -> str:
        """The answer's words with their markers."""
        return str(self.answer.get("text", ""))

    @property
    def answers(self) -> bool:
        """Whether there are words to judge: no error, no abstention, and not a search alone."""
        return "text" in self.answer and not self.abstained

    @property
    def abstained(self) -> bool:
        """Whether it said that there is no answer."""
        return bool(self.answer.get("abstained", False))

    @property
    def hits(self) -> tuple[Passage, ...]:
        """What was found, the best first."""
        return tuple(_passage(hit, "text") for hit in self.answer.get("hits", ()))

    @property
    def citations(self) -> tuple[Passage, ...]:
        """What the answer quotes, in the order of its markers."""
        return tuple(_passage(one, "quote") for one in self.answer.get("citations", ()))

    @property
    def confidence(self) -> float | None:
        """The answer's own, from 0 to 1; None where it has none."""
        found = self.answer.get("confidence")
        return None if found is None else float(found)

    @property
    def verdicts(self) -> tuple[Mapping[str, Any], ...]:
        """What the pipeline's checks have said."""
        return tuple(self.answer.get("verdicts", ()))

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents of the hits, each at the place of its best one."""
        return tuple(dict.fromkeys(hit.uri for hit in self.hits))


def _passage(given: Mapping[str, Any], words: str) -> Passage:
    return Passage(uri=given["uri"], start=given["start"], end=given["end"], text=given[words])
