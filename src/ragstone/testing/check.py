"""A check that finds what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import ClassVar, TypeAlias

from ragstone.protocols import Check
from ragstone.testing.tool import Hang
from ragstone.types import Context
from ragstone.verdicts import PASSED, Finding, OnFail, Stage, Subject

__all__ = ["ScriptedCheck"]

Found: TypeAlias = Finding | str | bool | Exception | Hang
Script: TypeAlias = Sequence[Found] | Callable[[str], Found]


class ScriptedCheck(Check):
    """Finds what stands in a list, one thing a text, or what a function says of a text.

    A text is the reason why another one fails, True and False say whether it passes, an exception is raised, and
    `Hang()` never ends. `asked` are the subjects so far, and `begun` counts the texts that were begun.

    >>> check = ScriptedCheck(lambda text: "it shouts" if text.isupper() else True)
    >>> (await check.check(Subject(text="NO", stage="output"), context=context)).reason
    'it shouts'

    Asked once more than the list is long, it raises AssertionError.
    """

    stages: ClassVar[tuple[Stage, ...]] = ("output", "input", "passage")

    def __init__(
        self, script: Script, *, whole: bool = False, fixes: bool = False, on_fail: OnFail = "flag", name: str = ""
    ) -> None:
        self.whole, self.fixes, self.on_fail, self.name = whole, fixes, on_fail, name
        self.asked: list[Subject] = []
        self.begun = 0
        self._found: Iterator[Found] = iter(()) if callable(script) else iter(script)
        self._find = script if callable(script) else self._following

    def begin(self, subject: Subject) -> Check:
        """The same check: what it was asked is told in one place."""
        self.begun += 1
        return self

    async def check(self, subject: Subject, *, context: Context) -> Finding:
        """The next thing. Raises it if it is an exception."""
        self.asked.append(subject)
        found = self._find(subject.text)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Hang):
            await asyncio.Event().wait()
        if isinstance(found, str):
            return Finding(passed=False, reason=found)
        if isinstance(found, Finding):
            return found
        return PASSED if found else Finding(passed=False, reason="it was to fail")

    def _following(self, text: str) -> Found:
        following = next(self._found, None)
        assert following is not None, "the check was asked more often than its script says"
        return following
