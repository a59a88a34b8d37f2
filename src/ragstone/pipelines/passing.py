"""The guards of passages: what of a passage that was found may be read, and what may stand above it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ragstone.errors import CheckFailed
from ragstone.labels import trust_of
from ragstone.pipelines.above import CONTEXT, HEADING, WHOLE, bare, headings, shown, telling
from ragstone.retrieval.expand import unheaded
from ragstone.retrieval.trim import cut
from ragstone.types import Chunk, Context, Hit
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard
from ragstone.verdicts import Subject, Verdict

__all__ = ["Passing"]

GONE = "\0"
"""Stands for each character that was taken out of a passage, so that what is left keeps its place in the document."""


@dataclass(slots=True, kw_only=True)
class Passing:
    """One passage on its way past its guards: `verdicts` are those that it failed, `passed` the others of each part."""

    hit: Hit
    guards: Sequence[Guard]
    question: str
    hits: Sequence[Hit]
    context: Context
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    passed: list[list[Verdict]] = field(default_factory=list[list[Verdict]])
    refrains: bool = False
    _known: dict[str, bool] = field(default_factory=dict[str, bool])

    async def left(self) -> list[Hit]:
        """What may be read of it; nothing once a guard `refrains`. Raises CheckFailed.

        One that a sentence was taken out of becomes two. What stands above it is lost where that fails.
        """
        chunk = self.hit.chunk
        if shown(chunk) != chunk.text:
            inspection = self._inspection(telling(self.guards), shown(chunk))
            await inspection.take(inspection.subject)
            if self._told(inspection) == []:
                return [self.hit]
        pieces = _left(self.hit, await self._take(chunk.text, blank=GONE) or "")
        passed = [(piece, await self._headed(piece.chunk)) for piece in pieces]
        return [] if self.refrains else [replace(piece, chunk=chunk) for piece, chunk in passed if chunk is not None]

    async def _headed(self, chunk: Chunk) -> Chunk | None:
        """A piece with as much above it as passes by itself, and together with it; None where it may not be read."""
        lost = [span for span in headings(chunk) if not await self._stays(span.label, HEADING)]
        context = bool(chunk.context) and not await self._stays(chunk.context, CONTEXT)
        chunk = bare(chunk, lost, context=context)
        read = shown(chunk)
        if read == chunk.text or self.refrains:
            return chunk
        known = {verdict.check for verdict in self.verdicts}
        first = len(self.verdicts)
        try:
            passed = await self._take(read, WHOLE)
        except CheckFailed as error:
            error.verdicts = tuple(self._own(verdict, chunk) for verdict in error.verdicts)
            raise
        # What a check has said of one part it does not say of the whole.
        told = [self._own(verdict, chunk) for verdict in self.verdicts[first:] if verdict.check not in known]
        self.verdicts = [*self.verdicts[:first], *told]
        if passed is None:
            return None
        return chunk if passed == read else bare(chunk, headings(chunk), context=True)

    async def _stays(self, text: str, part: str) -> bool:
        """Whether a text above the passage stays there; it is asked about once."""
        if text not in self._known:
            self._known[text] = self.refrains or await self._take(text, part) == text
        return self._known[text]

    async def _take(self, text: str, part: str = "", *, blank: str = "") -> str | None:
        """A part of what is read, past the guards. Raises CheckFailed."""
        inspection = self._inspection(self.guards, text, part, blank=blank)
        passed = await inspection.take(inspection.subject)
        self.refrains = self.refrains or inspection.refrains
        self.verdicts += self._told(inspection)
        return passed

    def _told(self, inspection: Inspection) -> list[Verdict]:
        """The verdicts of those that failed."""
        verdicts = inspection.verdicts
        self.passed.append([one for one in verdicts if one.passed])
        return [one for one in verdicts if not one.passed]

    def _own(self, verdict: Verdict, piece: Chunk) -> Verdict:
        """A verdict on a piece with what stands above it, whose ranges are those of the passage's own text."""
        above = len(shown(piece)) - len(piece.text)
        back = above - (piece.start - self.hit.chunk.start)
        inside = (flaw for flaw in verdict.flaws if flaw.end > above)
        flaws = tuple(replace(flaw, start=max(flaw.start, above) - back, end=flaw.end - back) for flaw in inside)
        return replace(verdict, flaws=flaws)

    def _inspection(self, guards: Sequence[Guard], text: str, part: str = "", *, blank: str = "") -> Inspection:
        chunk = self.hit.chunk
        trust = trust_of(chunk.metadata)
        subject = Subject(text=text, stage="passage", trust=trust, question=self.question, hits=self.hits)
        where = f"{chunk.uri}, {part}" if part else chunk.uri
        return Inspection(guards, subject, context=self.context, where=where, blank=blank)


def _left(hit: Hit, text: str) -> list[Hit]:
    """The pieces of a passage that are left, each where it stands in its document; no heading is left that is gone."""
    if GONE not in text:
        return [hit] if text else []
    start = hit.chunk.start
    gone = [(start + match.start(), start + match.end()) for match in re.finditer(f"{GONE}+", text)]
    hit = replace(hit, chunk=replace(hit.chunk, spans=unheaded(hit.chunk.spans, gone)))
    pieces: list[Hit] = []
    place = 0
    for piece in text.split(GONE):
        words = piece.strip()
        if words:
            start = place + len(piece) - len(piece.lstrip())
            pieces.append(replace(hit, chunk=cut(hit.chunk, start, start + len(words))))
        place += len(piece) + 1
    return pieces
