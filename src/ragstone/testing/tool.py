"""A tool that does what it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ragstone.protocols import Capabilities, Observation, Tool
from ragstone.types import Context

__all__ = ["Hang", "ScriptedTool"]


@dataclass(frozen=True, slots=True)
class Hang:
    """In place of what a tool finds: it never ends. A `stubborn` one does not even end when it is stopped."""

    stubborn: bool = False


Found: TypeAlias = str | Observation | Exception | Hang
Script: TypeAlias = Sequence[Found] | Callable[[str], Found]


class ScriptedTool(Tool):
    """Finds what stands in a list, one thing a use, or what a function says of what it is given.

    An exception is raised, and `Hang()` never ends. `given` is what it was given so far, `begun` is set with the first
    use, and `stopped` counts how often one was told to end.

    >>> tool = ScriptedTool(["21 °C", ToolFailed("there is no such town"), Hang()])
    >>> (await tool.use("Bergen", context=context)).text
    '21 °C'
    >>> tool.given
    ['Bergen']

    Used once more than the list is long, it raises AssertionError.
    """

    capabilities = Capabilities(local=True)

    def __init__(self, script: Script, *, description: str = "Finds what a test wants it to find.") -> None:
        self.given: list[str] = []
        self.stopped = 0
        self.description = description
        self._found: Iterator[Found] = iter(()) if callable(script) else iter(script)
        self._find = script if callable(script) else self._following
        self.begun, self._free = asyncio.Event(), asyncio.Event()

    async def use(self, given: str, *, context: Context) -> Observation:
        """The next thing. Raises it if it is an exception."""
        self.given.append(given)
        self.begun.set()
        found = self._find(given)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, Hang):
            await self._hang(found)
            return Observation(text="let go")
        return Observation(text=found) if isinstance(found, str) else found

    def release(self) -> None:
        """Lets go whatever hangs."""
        self._free.set()

    async def _hang(self, how: Hang) -> None:
        while not self._free.is_set():
            try:
                await self._free.wait()
            except asyncio.CancelledError:
                self.stopped += 1
                if not how.stubborn:
                    raise

    def _following(self, given: str) -> Found:
        following = next(self._found, None)
        assert following is not None, "the tool was used more often than its script says"
        return following
