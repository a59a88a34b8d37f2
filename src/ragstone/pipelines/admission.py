"""The guards of an ingest pipeline: which passages of a document are let into the index, and what is said of them.

Documents are kept word for word, so that what is cited can be looked up: a check leaves a passage in and says so, keeps
it out of the index, or refuses the whole document. A heading or a context that a check drops is shown with no passage.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate

from ragstone.errors import CheckFailed
from ragstone.labels import trust_of
from ragstone.pipelines.above import bare, headings, shown, telling, uncovered
from ragstone.reports import Flagged
from ragstone.types import Chunk, Context, Span
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
        """What of one document may be indexed, and what may stand above it there."""
        asking = _Asking(self.guards, chunks, context)
        try:
            kept = await asking.kept()
        except CheckFailed as refused:
            return Admitted(refused=refused.message)
        flagged = tuple(sorted(asking.found.values(), key=lambda one: (one.start, one.end, one.check)))
        if flagged:
            dropped = len(chunks) - len(kept)
            with context.trace.step("ingest.check", uri=flagged[0].uri, flagged=len(flagged), dropped=dropped):
                pass  # a step that only says what was found
        return Admitted(chunks=tuple(kept.values()), places=tuple(kept), flagged=flagged)


@dataclass(frozen=True, slots=True)
class _Said:
    """Whether a text may be in the index, and which checks it has failed."""

    stays: bool
    failed: frozenset[str]


class _Asking:
    """The chunks of one document on their way past the guards; `found` says each thing once, where chunks overlap."""

    def __init__(self, guards: Sequence[Guard], chunks: Sequence[Chunk], context: Context) -> None:
        self.guards, self.chunks, self.context = guards, chunks, context
        self.found: dict[tuple[str, int, int], Flagged] = {}
        self._above: dict[Span | str, _Said] = {}

    async def kept(self) -> dict[int, Chunk]:
        """The chunks that may be indexed, by their places. Raises CheckFailed where the document is refused."""
        kept: dict[int, Chunk] = {}
        unsure: dict[int, _Said] = {}  # they pass by themselves, and not as they are read
        for place, chunk in enumerate(self.chunks):
            plain = shown(chunk) == chunk.text
            if not plain and await self._passes(chunk):
                kept[place] = chunk
                continue
            said = await self._said(chunk, chunk.text, partial(_in_text, chunk=chunk))
            if said.stays:
                kept[place] = chunk
                if not plain:
                    unsure[place] = said
        kept = self._cleared(kept)
        for place, said in unsure.items():
            chunk = await self._headed(kept[place], said)
            if chunk is None:
                del kept[place]
            else:
                kept[place] = chunk
        return self._cleared(kept)

    async def _headed(self, chunk: Chunk, said: _Said) -> Chunk | None:
        """With as much above it as passes by itself; None where it does not pass together with that."""
        if shown(chunk) == chunk.text or await self._passes(chunk):
            return chunk
        parts: list[tuple[Span | str, str, _Place]] = [
            (one, one.label, self._of(one, chunk)) for one in headings(chunk)
        ]
        parts += [(chunk.context, chunk.context, self._in(chunk))] if chunk.context else []
        failed = said.failed
        for part, text, at in parts:
            if part not in self._above:
                self._above[part] = await self._said(chunk, text, partial(self._once, at=at))
            failed |= self._above[part].failed
        chunk = self._less(chunk)
        if shown(chunk) == chunk.text or await self._passes(chunk):
            return chunk
        at = _Place(chunk, chunk.start, chunk.end)

        def told(verdict: Verdict) -> Sequence[Flagged]:
            return () if verdict.action == "flagged" and verdict.check in failed else (_at(verdict, at),)

        return chunk if (await self._said(chunk, shown(chunk), told)).stays else None

    def _less(self, chunk: Chunk) -> Chunk:
        """Without what may not stand above it."""
        lost = {part for part, said in self._above.items() if not said.stays}
        return bare(chunk, [span for span in chunk.spans if span in lost], context=chunk.context in lost)

    def _cleared(self, kept: Mapping[int, Chunk]) -> dict[int, Chunk]:
        """Without what stands in a chunk that is kept out: a prompt names the headings also above a passage."""
        out = sorted((chunk for place, chunk in enumerate(self.chunks) if place not in kept), key=lambda one: one.start)
        if not out:
            return {place: self._less(chunk) for place, chunk in kept.items()}
        starts, ends = [chunk.start for chunk in out], [*accumulate((chunk.end for chunk in out), max)]
        texts, inside = [chunk.text for chunk in out], [chunk.text for chunk in kept.values()]
        gone = {text for text in {chunk.context for chunk in kept.values()} if uncovered(text, texts, inside)}

        def barred(span: Span) -> bool:
            at = bisect_right(starts, span.start)
            return span.kind == "heading" and at > 0 and span.start < ends[at - 1]

        return {
            place: bare(self._less(chunk), [*filter(barred, chunk.spans)], context=chunk.context in gone)
            for place, chunk in kept.items()
        }

    # ── What the guards say ──────────────────────────────────────────────────────────────────────────────────────────

    async def _passes(self, chunk: Chunk) -> bool:
        """Whether a chunk passes as it is read."""
        inspection = self._inspection(telling(self.guards), chunk, shown(chunk))
        await inspection.take(inspection.subject)
        return all(verdict.passed for verdict in inspection.verdicts)

    async def _said(self, chunk: Chunk, text: str, told: Callable[[Verdict], Sequence[Flagged]]) -> _Said:
        """What the guards say and do; `told` is what is reported of a verdict. Raises CheckFailed to refuse all."""
        inspection = self._inspection(self.guards, chunk, text)
        try:
            stays = await inspection.take(inspection.subject) is not None
        except CheckFailed:
            stays = False
        failed = [verdict for verdict in inspection.verdicts if not verdict.passed]
        for verdict in failed:
            flagged = told(verdict)
            if verdict.action in REFUSING:
                at, reason = (flagged[0].place, flagged[0].reason) if flagged else (chunk.uri, verdict.reason)
                raise CheckFailed(f"the check {verdict.check!r} refuses it: {at}: {reason}", where=chunk.uri)
            for one in flagged:
                self.found.setdefault((one.check, one.start, one.end), one)
        return _Said(stays, frozenset(verdict.check for verdict in failed))

    def _inspection(self, guards: Sequence[Guard], chunk: Chunk, text: str) -> Inspection:
        subject = Subject(text=text, stage="passage", trust=trust_of(chunk.metadata))
        return Inspection(guards, subject, context=self.context, where=chunk.uri)

    def _once(self, verdict: Verdict, at: _Place) -> Sequence[Flagged]:
        """What is told of a text above a chunk; nothing where the check has found something there already."""
        one, there = _at(verdict, at), self.found.values()
        known = (one.check == other.check and one.start < other.end and other.start < one.end for other in there)
        return () if verdict.action not in REFUSING and any(known) else (one,)

    # ── Where it stands in the document ──────────────────────────────────────────────────────────────────────────────

    def _of(self, span: Span, chunk: Chunk) -> _Place:
        """The place of a heading of a chunk, as far as its words go."""
        for one in self.chunks:
            if one.start <= span.start < one.end:
                at = one.text.find(span.label, span.start - one.start)
                end = one.start + at + len(span.label) if at >= 0 else span.start + 1
                return _Place(one, span.start, min(end, span.end))
        return _Place(chunk, span.start, min(span.start + len(span.label), span.end))

    def _in(self, chunk: Chunk) -> _Place:
        """The place of a chunk's context; no more than the beginning of the chunk, where nothing has these words."""
        for one in self.chunks:
            at = one.text.find(chunk.context)
            if at >= 0:
                return _Place(one, one.start + at, one.start + at + len(chunk.context))
        return _Place(chunk, chunk.start, chunk.start)


@dataclass(frozen=True, slots=True)
class _Place:
    """A range of a document, and a chunk that knows its page and line, if it begins there."""

    chunk: Chunk
    start: int
    end: int


def _in_text(verdict: Verdict, chunk: Chunk) -> Sequence[Flagged]:
    """What a verdict says, at each place that it names; of a chunk that is kept out, once for all of it."""
    flaws = [(flaw.start, flaw.end, flaw.reason) for flaw in verdict.flaws if flaw.end > flaw.start]
    if verdict.action == "dropped" or not flaws:
        flaws = [(0, len(chunk.text), verdict.reason)]
    return [_at(verdict, _Place(chunk, chunk.start + start, chunk.start + end), why) for start, end, why in flaws]


def _at(verdict: Verdict, at: _Place, reason: str = "") -> Flagged:
    chunk = at.chunk
    inside = chunk.start <= at.start <= chunk.end
    return Flagged(
        uri=chunk.uri,
        check=verdict.check,
        action=verdict.action,
        reason=reason or verdict.reason,
        start=at.start,
        end=at.end,
        page=chunk.page_at(at.start),
        line=chunk.line_at(at.start) if inside else None,
    )
