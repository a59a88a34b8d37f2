"""Outcomes of cases as a run keeps them, made of the little that a test is about; and tools that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ragstone.errors import Ungraded
from ragstone.evaluation.cases import Case, Evidence
from ragstone.evaluation.outcomes import Outcome

__all__ = ["NoTools", "answered", "case", "passage", "searched"]


def case(**fields: Any) -> Case:
    """A case; `relevant` may hold URIs."""
    relevant = tuple(Evidence(uri=one) if isinstance(one, str) else one for one in fields.pop("relevant", ()))
    return Case(**{"id": "c", "question": "?", **fields}, relevant=relevant)


def passage(uri: str, text: str = "…", start: int = 0, **more: Any) -> dict[str, Any]:
    """A hit as `Hit.as_dict` says it, and a citation where `quote` is given beside it."""
    return {"uri": uri, "start": start, "end": start + len(text), "text": text, "scores": {}, **more}


def answered(text: str, given: Case | None = None, *, hits: Sequence[dict[str, Any]] = (), **more: Any) -> Outcome:
    """An answer; `more` are other keys of `Answer.as_dict`, `seconds` one of the outcome."""
    seconds = more.pop("seconds", 1.0)
    answer = {"text": text, "abstained": False, "citations": [], "hits": list(hits), "verdicts": [], **more}
    return Outcome(case=given or case(), pipeline="answer", answer=answer, seconds=seconds)


def searched(uris: Sequence[str], given: Case) -> Outcome:
    """What a suite keeps that only searches: one hit for each of these documents, in their order."""
    hits = [passage(uri, start=at) for at, uri in enumerate(uris)]
    return Outcome(case=given, pipeline="answer", answer={"hits": hits})


@dataclass(frozen=True)
class NoTools:
    """Tools whose findings are given. A grade of None is none."""

    cosines: tuple[float, ...] = (0.0,)
    grades: int | None = None
    counts: tuple[int, int, int, int] = (0, 0, 0, 0)

    async def similarity(self, first: str, second: str) -> float:
        """The cosine at the place of the length of the second text."""
        return self.cosines[len(second) % len(self.cosines)]

    async def grade(self, outcome: Outcome) -> int:
        """The given grade."""
        if self.grades is None:
            raise Ungraded("no grade was given")
        return self.grades

    async def supported(self, outcome: Outcome) -> tuple[int, int, int, int]:
        """The given counts."""
        return self.counts
