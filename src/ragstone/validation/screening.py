"""Checks an answer while it is said.

    segments → checks that need no more than one → what may be said → checks that need all of it → the rest

The whole text and a stream of it go one way, so what they come to is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ragstone.types import Context
from ragstone.validation.apart import Breaths, apart
from ragstone.validation.engine import Inspection
from ragstone.validation.policy import Guard
from ragstone.validation.segments import Segment, Segments
from ragstone.verdicts import Subject, Verdict, discreet

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
        earlier = None if before is None else before._inspection
        self._inspection = Inspection(guards, subject, context=context, where=where, before=earlier, base=self._base)
        self._partly = any(not guard.check.whole for guard in guards)
        self._subject, self._reads = subject, read
        self._cut, self._breaths = Segments(), Breaths()
        self._heard: list[str] = []
        self._kept: list[str] = []
        self._length = 0
        self._said = 0  # pieces of `_kept`

    async def feed(self, text: str) -> str:
        """What may be said now. Raises CheckFailed."""
        for segment in await apart(len(text), lambda: self._cut.feed(text)):
            await self._take(segment)
        return "" if self.late else self._unsaid()

    async def finish(self) -> Screened:
        """The whole, and what of it was not said yet. Raises CheckFailed."""
        for segment in self._cut.finish():
            await self._take(segment)
        heard, text = "".join(self._heard), "".join(self._kept)
        prompt = self._subject.prompt
        found = self._inspection
        if prompt is not None and prompt.abstains(heard):
            verdicts = tuple(
                Verdict(check=one.check, passed=True, reason="abstained", stage=one.stage, where=one.where)
                for one in found.verdicts
            )
            rest = heard if not self._said else heard[len("".join(self._kept[: self._said])) :]
            return Screened(text=heard, rest=rest, verdicts=verdicts)
        again: Inspection | None = None
        if not found.refrains and (text or not heard):
            subject = replace(self._subject, text=text, offset=self._base)
            made = await found.take(subject, whole=True) or ""
            if made not in ("", text):
                again = found.at_last()
                made = await again.take(replace(subject, text=made)) or ""
            text = made
        refrained = found.refrains or (again is not None and again.refrains)
        inspected = [found] if again is None else [found, again]
        return Screened(
            text="" if refrained else text,
            rest="" if refrained else text if self.late else self._unsaid(),
            verdicts=_last_word(found.verdicts, again),
            faults=tuple(fault for one in inspected for fault in one.faults),
            refrained=refrained,
        )

    async def _take(self, segment: Segment) -> None:
        text: str | None = self._reads(segment.text)
        self._heard.append(text)
        await self._breaths.take()
        if self._inspection.refrains:
            return
        if self._partly:
            subject = replace(self._subject, text=text, code=segment.code, offset=self._base + self._length)
            text = await self._inspection.take(subject, whole=False)
        if text:
            self._kept.append(text)
            self._length += len(text)

    def _unsaid(self) -> str:
        said = "".join(self._kept[self._said :])
        self._said = len(self._kept)
        return said


def _last_word(verdicts: Sequence[Verdict], again: Inspection | None) -> tuple[Verdict, ...]:
    """The verdicts, with those of the second time where a check has failed only then, or anew."""
    failed = {one.check: one for one in again.verdicts if not one.passed} if again is not None else {}
    return discreet([failed.get(one.check, one) for one in verdicts])
