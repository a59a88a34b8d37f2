"""What one reading of a project's files has built, and who still works with it when the files are read again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import cached_property
from typing import TypeVar
from weakref import WeakSet

from ragstone.pipelines.answer import AnswerPipeline
from ragstone.pipelines.build import Builder
from ragstone.pipelines.index import Index
from ragstone.pipelines.prompt_tests import PromptTests
from ragstone.pipelines.routes import Routed
from ragstone.project import Project

__all__ = ["Reading"]

GRACE = 60.0  # seconds that a part is kept at least, for those who hold it without a pipeline

T = TypeVar("T")


class Reading:
    """The parts of a project as its files were when they were read.

    What is `lent` to a request lives as long as that request holds it: a reading that was retired is idle when nothing
    of it is held any more.
    """

    def __init__(self, project: Project, build: Callable[[Project], Builder]) -> None:
        self.project, self._build = project, build
        self.indexes: dict[tuple[str, str], Index] = {}
        self.answers: dict[tuple[str, str], AnswerPipeline] = {}
        self.routes: dict[str, Routed] = {}
        self.testers: dict[tuple[str, str | None], PromptTests] = {}
        self.beside: list[Builder | Index] = []  # what was built for one use, and ends with the rest
        self._lent: WeakSet[object] = WeakSet()
        self._retired = 0.0

    @cached_property
    def builder(self) -> Builder:
        """What builds connectors, made when it is first asked for: then the files are read."""
        return self._build(self.project)

    def lend(self, part: T) -> T:
        """Hands a part out, and knows of it until nobody holds it."""
        self._lent.add(part)
        return part

    def retire(self) -> None:
        """Lets go of the pipelines, which requests under way may still hold."""
        self.beside += self.indexes.values()
        for kept in (self.indexes, self.answers, self.routes, self.testers):
            kept.clear()
        self._retired = time.monotonic()

    @property
    def idle(self) -> bool:
        """Whether nobody works with a retired reading any more."""
        return not self._lent and time.monotonic() - self._retired > GRACE

    async def close(self) -> None:
        """Closes every part, also when one of them fails."""
        async with AsyncExitStack() as ends:
            if "builder" in vars(self):
                ends.push_async_callback(self.builder.close)
            for part in (*self.beside, *self.indexes.values()):
                ends.push_async_callback(part.close)
