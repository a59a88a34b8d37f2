"""Checks an answer while it is said.

    segments → checks that need no more than one → what may be said → checks that need all of it → the rest

The whole text and a stream of it go one way, so what they come to is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ragstone.types import Context
from ragstone.validation.apart import Breaths, apart
from ragstone.validation.edits import Change, changes
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard
from ragstone.validation.segments import Segment, Segments
from ragstone.verdicts import Subject, Verdict

__all__ = ["Screened", "Screening"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screened:
    """An answer that was checked. `rest` is what was not said yet; `faults` are for a model that is asked anew."""

    text: str
    rest: str
    verdicts: tuple[Verdict, ...] = ()
    faults: tuple[str, ...] = ()
    refrained: bool = False


class Screening:
    """One answer on its way to its reader.

    `subject` says what is known of it; its text does not count. `read` is what becomes of each segment first. Where a
    check must see all of the answer before any of it is said, or `late` asks for that, nothing is said before the end.
    One text of an object is named by `where`, and goes on from the one `before` it.
    """

    def __init__(
        self,
        guards: Sequence[Guard],
        subject: Subject,
        *,
        context: Context,
        late: bool = False,
        read: Callable[[str], str] = str,
        where: str = "",
        before: Screening | None = None,
    ) -> None:
        self.late = late or any(guard.late for guard in guards)
        self._base = 0 if before is None else before._base + before._length + 1
        first, last = (None, None) if before is None else (before._first, before._last)
        takes = partial(Inspection, subject=subject, context=context, where=where, base=self._base)
        self._first = takes([guard for guard in guards if not guard.check.last], before=first)
        self._last = takes([guard for guard in guards if guard.check.last], before=last, earlier=self._first)
        self._subject, self._reads = subject, read
        self._cut, self._breaths = Segments(), Breaths()
        self._heard: list[str] = []
        self._made: list[str] = []  # what the first have left
        self._kept: list[str] = []  # what the last have left of that
        self._changed: list[Change] = []
        self._length = self._taken = self._said = 0  # characters kept and made, pieces said

    async def feed(self, text: str) -> str:
        """What may be said now. Raises CheckFailed."""
        for segment in await apart(len(text), lambda: self._cut.feed(text)):
            await self._take(segment)
        return "" if self.late else self._unsaid()

    async def finish(self) -> Screened:
        """The whole, and what of it was not said yet. Raises CheckFailed."""
        for segment in self._cut.finish():
            await self._take(segment)
        heard, text = "".join(self._heard), "".join(self._made)
        prompt = self._subject.prompt
        if prompt is not None and prompt.abstains(heard):
            verdicts = tuple(
                Verdict(check=one.check, passed=True, reason="abstained", stage=one.stage, where=one.where)
                for one in self._last.verdicts
            )
            rest = heard if not self._said else heard[len("".join(self._kept[: self._said])) :]
            return Screened(text=heard, rest=rest, verdicts=verdicts)
        if not self._refrains and (text or not heard):
            made = await self._first.take(replace(self._subject, text=text, offset=self._base), whole=True) or ""
            self._first.moved(self._changed)
            if self.late:
                await self._at_last(made)
            kept = "".join(self._kept)
            whole = await self._last.take(replace(self._subject, text=kept, offset=self._base), whole=True) or ""
            if whole != kept:
                self._kept = [whole]
        refrained = self._refrains
        return Screened(
            text="" if refrained else "".join(self._kept),
            rest="" if refrained else self._unsaid(),
            verdicts=self._last.verdicts,
            faults=(*self._first.faults, *self._last.faults),
            refrained=refrained,
        )

    @property
    def _refrains(self) -> bool:
        return self._first.refrains or self._last.refrains

    async def _take(self, segment: Segment) -> None:
        text = self._reads(segment.text)
        self._heard.append(text)
        await self._breaths.take()
        if self._refrains:
            return
        left = await self._first.take(self._piece(segment, text), whole=False)
        if not left:
            return
        self._made.append(left)
        self._taken += len(left)
        if self.late:
            self._length = self._taken
            return
        await self._keep(segment, left)

    async def _keep(self, segment: Segment, text: str) -> None:
        """One piece past those that see what the others have made of it."""
        kept = await self._last.take(self._piece(segment, text), whole=False) or ""
        if kept != text:
            at = self._taken - len(text)
            self._changed += [replace(one, start=one.start + at, end=one.end + at) for one in changes(text, kept, ())]
        if kept:
            self._kept.append(kept)
            self._length += len(kept)

    async def _at_last(self, made: str) -> None:
        """All that is left of an answer, once all others have seen it."""
        self._length = 0
        cut = Segments()
        pieces = await apart(len(made), lambda: [*cut.feed(made), *cut.finish()])
        for piece in pieces:
            await self._breaths.take()
            if not self._refrains:
                await self._keep(piece, piece.text)

    def _piece(self, segment: Segment, text: str) -> Subject:
        return replace(self._subject, text=text, code=segment.code, offset=self._base + self._length)

    def _unsaid(self) -> str:
        said = "".join(self._kept[self._said :])
        self._said = len(self._kept)
        return said
