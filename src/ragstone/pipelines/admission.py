"""The guards of an ingest pipeline: which passages of a document are let into the index, and what is said of them.

Documents are kept word for word, so that what is cited can be looked up: a check leaves a passage in and says so, keeps
it out of the index, or refuses the whole document.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ragstone.errors import CheckFailed
from ragstone.labels import trust_of
from ragstone.reports import Flagged
from ragstone.retrieval.expand import unheaded
from ragstone.types import Chunk, Context
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard
from ragstone.verdicts import Subject, Verdict

__all__ = ["Admission", "Admitted"]

REFUSING = ("raised", "refrained")


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """The chunks that may be indexed, with their places among all; and why none of the document may, if so."""

    chunks: tuple[Chunk, ...] = ()
    places: tuple[int, ...] = ()
    flagged: tuple[Flagged, ...] = ()
    refused: str = ""


class Admission:
    """Asks the guards of each chunk of a document. `fingerprint` changes with what the pipeline says of them."""

    def __init__(self, guards: Sequence[Guard], *, fingerprint: str) -> None:
        self.guards, self.fingerprint = tuple(guards), fingerprint

    async def admit(self, chunks: Sequence[Chunk], *, context: Context) -> Admitted:
        """What of one document may be indexed."""
        kept: list[tuple[int, Chunk]] = []
        found: dict[tuple[str, int, int], Flagged] = {}  # once, where chunks overlap
        for place, chunk in enumerate(chunks):
            passes, verdicts = await self._asked(chunk, context)
            for verdict in verdicts:
                told = list(_flagged(verdict, chunk))
                if verdict.action in REFUSING:
                    return Admitted(
                        refused=f"the check {verdict.check!r} refuses it: {told[0].place}: {told[0].reason}"
                    )
                for one in told:
                    found.setdefault((one.check, one.start, one.end), one)
            if passes:
                kept.append((place, chunk))
        barred = [(chunk.start, chunk.end) for place, chunk in enumerate(chunks) if place not in dict(kept)]
        flagged = tuple(sorted(found.values(), key=lambda one: (one.start, one.end, one.check)))
        if flagged:
            with context.trace.step("ingest.check", uri=flagged[0].uri, flagged=len(flagged), dropped=len(barred)):
                pass  # a step that only says what was found
        return Admitted(
            # A prompt names the headings with a passage, also those above it.
            chunks=tuple(replace(chunk, spans=unheaded(chunk.spans, barred)) for _, chunk in kept),
            places=tuple(place for place, _ in kept),
            flagged=flagged,
        )

    async def _asked(self, chunk: Chunk, context: Context) -> tuple[bool, list[Verdict]]:
        """Whether a chunk passes, and what failed."""
        subject = Subject(text=chunk.text, stage="passage", trust=trust_of(chunk.metadata))
        inspection = Inspection(self.guards, subject, context=context, where=chunk.uri)
        try:
            passes = await inspection.take(subject) is not None
        except CheckFailed:
            passes = False
        return passes, [verdict for verdict in inspection.verdicts if not verdict.passed]


def _flagged(verdict: Verdict, chunk: Chunk) -> Iterator[Flagged]:
    """What a verdict says, at each place that it names; of a chunk that is kept out, once for all of it."""
    flaws = [(flaw.start, flaw.end, flaw.reason) for flaw in verdict.flaws if flaw.end > flaw.start]
    if verdict.action == "dropped" or not flaws:
        flaws = [(0, len(chunk.text), verdict.reason)]
    for start, end, reason in flaws:
        at = chunk.start + start
        yield Flagged(
            uri=chunk.uri,
            check=verdict.check,
            action=verdict.action,
            reason=reason or verdict.reason,
            start=at,
            end=chunk.start + end,
            page=chunk.page_at(at),
            line=chunk.line_at(at),
        )
