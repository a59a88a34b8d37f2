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
from typing import Any

from ragstone.errors import CheckFailed, NotConfigured, RagstoneError, Ungraded
from ragstone.protocols import Check
from ragstone.types import Context
from ragstone.validation.edits import Change, Places, changes, cuts, without
from ragstone.validation.policy import Guard
from ragstone.verdicts import ACTIONS, Action, Finding, Flaw, Subject, Verdict, discreet

__all__ = ["Inspection", "asked"]

LONGEST_REASON = 300  # characters of all that a verdict says
MOST_FLAWS = 100  # that one verdict names
NOT_ASKED = "not asked"

_log = logging.getLogger("ragstone")


async def asked(guard: Guard, subject: Subject, *, context: Context) -> Finding:
    """What a check finds, whatever it does.

    One that blocks the event loop cannot be stopped; when it comes back too late, what it says does not count. One that
    does not even end when it is stopped is left behind, and holds up nobody.
    """
    begun = time.perf_counter()
    asking = asyncio.ensure_future(_contained(guard.check, subject, context))
    try:
        await asyncio.wait({asking}, timeout=guard.policy.timeout)
    finally:
        if not asking.done():
            asking.cancel()
            asking.add_done_callback(_heard)
    if not asking.done() or time.perf_counter() - begun > guard.policy.timeout:
        return _late(guard)
    error = _Stopped() if asking.cancelled() else asking.exception()
    if error is not None:
        told = str(error) if isinstance(error, _SAFE) else type(error).__name__
        return _unanswered(guard, _words(error), told=told, error=error)
    found = asking.result()
    nonsense = _nonsense(found, len(subject.text))
    return _unanswered(guard, nonsense) if nonsense else found


class _Stopped(RagstoneError):
    """A check has stopped itself, or wanted to end the program."""

    def __init__(self) -> None:
        super().__init__("it broke off")


_SAFE = (_Stopped, NotConfigured, Ungraded)
"""Errors whose words repeat nothing of a text."""


async def _contained(check: Check, subject: Subject, context: Context) -> Finding:
    """A check whose `sys.exit()` ends nothing but itself."""
    try:
        return await check.check(subject, context=context)
    except (SystemExit, KeyboardInterrupt):
        raise _Stopped from None


def _heard(asking: asyncio.Future[Finding]) -> None:
    """Takes note of how it ended, so that one that was left behind does not complain later."""
    if not asking.cancelled():
        asking.exception()


def _late(guard: Guard) -> Finding:
    return _unanswered(guard, f"it took longer than {guard.policy.timeout:g} s")


def _words(error: BaseException) -> str:
    """An error of our own in its words, and any other by its type: its message may repeat a text, an address or a key.

    So may that of an error of our own which stands for another's.
    """
    own = isinstance(error, RagstoneError) and error.__context__ is None
    return str(error) if own else type(error).__name__


def _nonsense(found: Any, length: int) -> str:
    """Why something is no finding of a text of this length; nothing where it is one."""
    if not isinstance(found, Finding):
        return f"it gave {type(found).__name__}, and no Finding"
    parts: tuple[tuple[str, Any, type | tuple[type, ...]], ...] = (
        ("passed", found.passed, bool),
        ("reason", found.reason, str),
        ("repaired", found.repaired, str),
        ("fixed", found.fixed, (str, type(None))),
        ("told", found.told, (str, type(None))),
        ("flaws", found.flaws, (tuple, list)),
        ("score", found.score, (int, float, type(None))),
    )
    for name, part, kind in parts:
        if not isinstance(part, kind):  # pyright: ignore[reportUnnecessaryIsInstance] - whoever wrote it may err
            return f"its {name} is of the type {type(part).__name__}"
    if found.score is not None and not 0 <= found.score <= 1:
        return "its score is not between 0 and 1"
    return next(filter(None, (_odd(flaw, length) for flaw in found.flaws)), "")


def _odd(flaw: Any, length: int) -> str:
    """What is wrong with a flaw in a text of this length."""
    if not isinstance(flaw, Flaw):
        return f"it names a flaw of the type {type(flaw).__name__}"
    kinds: tuple[tuple[Any, type], ...] = (flaw.start, int), (flaw.end, int), (flaw.reason, str), (flaw.label, str)
    for part, kind in kinds:
        if not isinstance(part, kind):  # pyright: ignore[reportUnnecessaryIsInstance]
            return f"it names a flaw with {type(part).__name__} for {kind.__name__}"
    if not 0 <= flaw.start <= flaw.end <= length:
        return f"it names the range {flaw.start} to {flaw.end} of {length} characters"
    return ""


def _unanswered(guard: Guard, why: str, *, told: str | None = None, error: BaseException | None = None) -> Finding:
    if error is not None:
        _log.warning("The check %r failed: %s", guard.name, type(error).__name__)
        _log.debug("The check %r failed:", guard.name, exc_info=error)
    passed = guard.policy.on_error == "open"
    how = "not checked" if passed else "could not be checked"
    return Finding(passed=passed, reason=f"{how}: {why}", told=None if told is None else f"{how}: {told}")


class _Unbegun(Check):
    """Stands for a check that could not begin."""

    def __init__(self, check: Check, error: Exception) -> None:
        self.whole, self.cumulative, self.last, self.cost = check.whole, check.cumulative, check.last, check.cost
        self.fixes, self._error = check.fixes, error

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """Raises the error that it could not begin with."""
        raise self._error.with_traceback(None)


def _begun(guard: Guard, subject: Subject) -> Guard:
    """The guard with a check for this text, or with one that always fails."""
    try:
        begun: Any = guard.check.begin(subject)
        if not isinstance(begun, Check):
            raise TypeError(f"it began with {type(begun).__name__}, and no Check")
    except Exception as error:
        begun = _Unbegun(guard.check, error)
    return replace(guard, check=begun)


@dataclass(slots=True)
class _Tally:
    """What a guard has said so far. Each reason comes with what is told in its place."""

    guard: Guard
    reasons: dict[str, str] = field(default_factory=dict[str, str])
    remarks: dict[str, str] = field(default_factory=dict[str, str])
    flaws: list[Flaw] = field(default_factory=list[Flaw])
    score: float | None = None
    late: bool = False
    asked: bool = False
    passed: bool = True
    action: Action = ""
    seconds: float = 0.0

    def adds(self, found: Finding, offset: int) -> None:
        self.passed = self.passed and found.passed
        said = self.remarks if found.passed else self.reasons
        if found.reason:
            said.setdefault(found.reason, found.reason if found.told is None else found.told)
        if found.repaired:
            said.setdefault(found.repaired, found.repaired)
        room = MOST_FLAWS - len(self.flaws)
        self.flaws += [replace(one, start=one.start + offset, end=one.end + offset) for one in found.flaws[:room]]
        self.scores(found)

    def scores(self, found: Finding) -> None:
        if self.guard.check.cumulative:
            self.score = found.score
        elif found.score is not None:
            self.score = max(self.score or 0.0, found.score)

    def verdict(self, stage_of: Subject, where: str) -> Verdict:
        said = self.reasons or self.remarks
        told = _short(said.values())
        reason = _short(said) if self.asked else NOT_ASKED
        return Verdict(
            check=self.guard.name,
            passed=self.passed,
            reason=reason,
            action=self.action,
            stage=stage_of.stage,
            where=where,
            flaws=tuple(self.flaws),
            score=self.score,
            milliseconds=1000 * self.seconds,
            told=told if self.asked and any(words != other for words, other in said.items()) else None,
        )


def _shown(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _short(said: Iterable[str]) -> str:
    """What was said, on one line, without what a terminal would obey."""
    words = "; ".join(dict.fromkeys(" ".join(_shown(one[: 2 * LONGEST_REASON]).split()) for one in said if one))
    return words if len(words) <= LONGEST_REASON else words[:LONGEST_REASON] + "…"


class Inspection:
    """One text on its way past its guards, whole or piece by piece; `verdicts` add up what was said of the pieces.

    `where` names it in the verdicts. What is taken out leaves a `blank` for each character. `before` is the inspection
    of the text before it in the same object: a check that remembers goes on from there, and `base` is where this text
    begins in all of them together. `earlier` is the one past which the text has come to this one.
    """

    def __init__(
        self,
        guards: Sequence[Guard],
        subject: Subject,
        *,
        context: Context,
        where: str = "",
        blank: str = "",
        before: Inspection | None = None,
        base: int = 0,
        earlier: Inspection | None = None,
    ) -> None:
        known = {} if before is None else dict(zip(map(id, before._given), before.guards, strict=True))
        self._given = guards
        self.guards = [_begun(known.get(id(guard), guard), subject) for guard in guards]
        self.subject, self.context, self.where, self._blank, self._base = subject, context, where, blank, base
        self._tallies = {id(guard): _Tally(guard) for guard in self.guards}
        self._earlier = earlier
        self.refrains = False
        self.faults: list[str] = []  # what a model that is asked anew must hear

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One for each guard, in their order, after those of the one before."""
        before = () if self._earlier is None else self._earlier.verdicts
        own = [self._tallies[id(guard)].verdict(self.subject, self.where) for guard in self.guards]
        return discreet([*before, *own])

    def moved(self, made: Sequence[Change]) -> None:
        """Has what the checks of a whole text have found point into what became of it."""
        places = Places(made)
        for guard in self.guards:
            if made and guard.check.whole:
                tally = self._tallies[id(guard)]
                tally.flaws = [places.moved(flaw) for flaw in tally.flaws]

    async def take(self, subject: Subject, *, whole: bool | None = None) -> str | None:
        """The text as it may go on; None where it may not. Raises CheckFailed.

        `whole` asks only the checks that need all of an answer, or only those that need a segment. Nobody is asked any
        more once a guard has left nothing of it.
        """
        given = text = subject.text
        for guard in self.guards:
            if whole is not None and guard.check.whole is not whole:
                continue
            subject = replace(subject, text=text) if text != subject.text else subject
            left = await self._past(guard, subject)
            if left is None or (given and not left):
                return left
            text = left
        return text

    async def _past(self, guard: Guard, subject: Subject) -> str | None:
        found = await self._found(guard, subject)
        tally, policy = self._tallies[id(guard)], guard.policy.on_fail
        if found.passed:
            if policy != "fix" or found.fixed is None or found.fixed == subject.text:
                return subject.text
            tally.action = "fixed"  # it passes as it is, and the check would have it otherwise
            self._moves(subject, changes(subject.text, found.fixed, found.flaws))
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
                    f"the check {guard.name!r} failed: {_short([found.reason if found.told is None else found.told])}",
                    where=self.where or subject.stage,
                    verdicts=self.verdicts,
                )

    async def _mended(self, guard: Guard, subject: Subject, found: Finding) -> str:
        """The text as the check would have it, less what it found, or nothing: what passes it at last."""
        mended = found.fixed if guard.policy.on_fail == "fix" else None
        made = [] if mended is None else changes(subject.text, mended, found.flaws)
        if mended is None and found.flaws:
            mended = without(subject.text, found.flaws, blank=self._blank)
            made = list(cuts(subject.text, found.flaws))
        if mended is None or mended == subject.text or not mended.replace(self._blank or " ", "").strip():
            mended = ""
        if mended or guard.check.cumulative:
            again = await self._found(guard, replace(subject, text=mended), tell=False)
            mended = mended if again.passed else ""
        self._moves(subject, made if mended else [Change(0, len(subject.text))])
        return mended

    def _moves(self, subject: Subject, made: Sequence[Change]) -> None:
        """Has what was found so far point into the text as it is now. A blank keeps everything in its place."""
        if self._blank or not made:
            return
        at = subject.offset - self._base
        places = Places([replace(one, start=one.start + at, end=one.end + at) for one in made])
        inspection: Inspection | None = self
        while inspection is not None:
            for tally in inspection._tallies.values():
                tally.flaws = [places.moved(flaw) for flaw in tally.flaws]
            inspection = inspection._earlier

    async def _found(self, guard: Guard, subject: Subject, *, tell: bool = True) -> Finding:
        tally, begun = self._tallies[id(guard)], time.perf_counter()
        found = _late(guard) if tally.late else await asked(guard, subject, context=self.context)
        taken = time.perf_counter() - begun
        tally.late = tally.late or taken > guard.policy.timeout  # and it is waited for no more
        tally.asked = True
        tally.seconds += taken
        if tell:
            tally.adds(found, subject.offset - self._base)
        elif guard.check.cumulative:
            tally.scores(found)
        return found
