"""Asks guards of one text, in order, and does what their policies say.

A check that raises, takes too long or says nonsense never ends a request by itself: it counts as failed where its
policy is `closed`, and as passed where it is `open`, and the verdict says which.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from ragstone.errors import CheckFailed, RagstoneError
from ragstone.types import Context
from ragstone.validation.policy import Guard
from ragstone.verdicts import ACTIONS, Action, Finding, Flaw, Subject, Verdict

__all__ = ["Inspection", "asked", "without"]

LONGEST_REASON = 300  # characters of all that a verdict says
MOST_FLAWS = 100  # that one verdict names

_log = logging.getLogger("ragstone")


async def asked(guard: Guard, subject: Subject, *, context: Context) -> Finding:
    """What a check finds, whatever it does."""
    try:
        async with asyncio.timeout(guard.policy.timeout):
            found = await guard.check.check(subject, context=context)
        _sound(found, subject)
    except TimeoutError:
        return _unanswered(guard, f"it took longer than {guard.policy.timeout:g} s")
    except RagstoneError as error:
        return _unanswered(guard, str(error))
    except Exception as error:
        _log.warning("The check %r failed: %s: %s", guard.name, type(error).__name__, error)
        return _unanswered(guard, f"{type(error).__name__}: {error}")
    return found


def _sound(found: object, subject: Subject) -> None:
    """Raises TypeError or ValueError for what is no finding of this text."""
    if not isinstance(found, Finding):
        raise TypeError(f"it gave {type(found).__name__}, and no Finding")
    fixed = cast("object", found.fixed)
    if not isinstance(fixed, str | None):
        raise TypeError(f"its fixed text is of the type {type(fixed).__name__}")
    for flaw in found.flaws:
        if not 0 <= flaw.start <= flaw.end <= len(subject.text):
            raise ValueError(f"it names the range {flaw.start} to {flaw.end} of {len(subject.text)} characters")


def _unanswered(guard: Guard, why: str) -> Finding:
    if guard.policy.on_error == "open":
        return Finding(passed=True, reason=f"not checked: {why}")
    return Finding(passed=False, reason=f"could not be checked: {why}")


def without(text: str, flaws: Iterable[Flaw], *, blank: str = "") -> str:
    """The text less these ranges, which may overlap, or with a `blank` in place of each of their characters.

    >>> without("One. Two. Three.", [Flaw(5, 9, "no")])
    'One. Three.'
    """
    kept: list[str] = []
    at = 0
    for flaw in sorted(flaws, key=lambda one: (one.start, one.end)):
        if flaw.end > at:
            start, end = max(at, flaw.start), flaw.end
            kept += [text[at:start], blank * (end - start)]
            spaced = not blank and text[:start][-1:] in ("", " ")
            at = end + (len(text) - end - len(text[end:].lstrip(" ")) if spaced else 0)
    return "".join([*kept, text[at:]])


@dataclass(slots=True)
class _Tally:
    """What a guard has said so far."""

    guard: Guard
    reasons: list[str] = field(default_factory=list[str])
    remarks: list[str] = field(default_factory=list[str])
    flaws: list[Flaw] = field(default_factory=list[Flaw])
    score: float | None = None
    passed: bool = True
    action: Action = ""
    seconds: float = 0.0

    def adds(self, found: Finding, offset: int) -> None:
        self.passed = self.passed and found.passed
        said = self.remarks if found.passed else self.reasons
        for words in filter(None, (found.reason, found.repaired)):
            if words not in said:
                said.append(words)
        room = MOST_FLAWS - len(self.flaws)
        self.flaws += [replace(one, start=one.start + offset, end=one.end + offset) for one in found.flaws[:room]]
        self.scores(found)

    def scores(self, found: Finding) -> None:
        if self.guard.check.cumulative:
            self.score = found.score
        elif found.score is not None:
            self.score = max(self.score or 0.0, found.score)

    def verdict(self, stage_of: Subject, where: str) -> Verdict:
        reason = "; ".join(self.reasons or self.remarks)
        return Verdict(
            check=self.guard.name,
            passed=self.passed,
            reason=reason if len(reason) <= LONGEST_REASON else reason[:LONGEST_REASON] + "…",
            action=self.action,
            stage=stage_of.stage,
            where=where,
            flaws=tuple(self.flaws),
            score=self.score,
            milliseconds=1000 * self.seconds,
        )


class Inspection:
    """One text on its way past its guards, whole or piece by piece; `verdicts` add up what was said of the pieces.

    `where` names it in the verdicts. What is taken out leaves a `blank` for each character.
    """

    def __init__(
        self, guards: Sequence[Guard], subject: Subject, *, context: Context, where: str = "", blank: str = ""
    ) -> None:
        self._given = guards
        self.guards = [replace(guard, check=guard.check.begin(subject)) for guard in guards]
        guards = self.guards
        self.subject, self.context, self.where, self._blank = subject, context, where, blank
        self._tallies = {id(guard): _Tally(guard) for guard in guards}
        self.refrains = False
        self.faults: list[str] = []  # what a model that is asked anew must hear

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each guard, in their order."""
        return tuple(self._tallies[id(guard)].verdict(self.subject, self.where) for guard in self.guards)

    def at_last(self) -> Inspection:
        """Another one, past the guards that must see what the others have made of the text."""
        guards = [guard for guard in self._given if guard.check.last]
        return Inspection(guards, self.subject, context=self.context, where=self.where, blank=self._blank)

    async def take(self, subject: Subject, *, whole: bool | None = None) -> str | None:
        """The text as it may go on; None where it may not. Raises CheckFailed.

        `whole` asks only the checks that need all of an answer, or only those that need a segment.
        """
        text: str | None = subject.text
        for guard in self.guards:
            if whole is not None and guard.check.whole is not whole:
                continue
            assert text is not None, "a guard that leaves nothing is the last one"
            subject = replace(subject, text=text) if text != subject.text else subject
            text = await self._past(guard, subject)
            if not text:
                return text
        return text

    async def _past(self, guard: Guard, subject: Subject) -> str | None:
        found = await self._found(guard, subject)
        tally, policy = self._tallies[id(guard)], guard.policy.on_fail
        if found.passed:
            if policy != "fix" or found.fixed in (None, subject.text):
                return subject.text
            tally.action = "fixed"  # it passes as it is, and the check would have it otherwise
            return found.fixed
        tally.action = ACTIONS[policy]
        match policy:
            case "flag":
                return subject.text
            case "fix" | "filter":
                return await self._mended(guard, subject, found)
            case "drop":
                return None
            case "reask":
                self.faults.append(f"{guard.name}: {found.reason}")
                return subject.text
            case "refrain":
                self.refrains = True
                return None
            case "raise":
                raise CheckFailed(
                    f"the check {guard.name!r} failed: {found.reason}",
                    where=self.where or subject.stage,
                    verdicts=self.verdicts,
                )

    async def _mended(self, guard: Guard, subject: Subject, found: Finding) -> str:
        """The text as the check would have it, less what it found, or nothing: what passes it at last."""
        mended = found.fixed if guard.policy.on_fail == "fix" else None
        if mended is None and found.flaws:
            mended = without(subject.text, found.flaws, blank=self._blank)
        if mended is None or mended == subject.text or not mended.replace(self._blank or " ", "").strip():
            mended = ""
            if not guard.check.cumulative:
                return mended
        again = await self._found(guard, replace(subject, text=mended), tell=False)
        return mended if again.passed else ""

    async def _found(self, guard: Guard, subject: Subject, *, tell: bool = True) -> Finding:
        tally, begun = self._tallies[id(guard)], time.perf_counter()
        found = await asked(guard, subject, context=self.context)
        tally.seconds += time.perf_counter() - begun
        if tell:
            tally.adds(found, subject.offset)
        elif guard.check.cumulative:
            tally.scores(found)
        return found
