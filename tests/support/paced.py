"""A model whose calls go on when a test says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ragstone.protocols import Capabilities, Model
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Price, Usage

__all__ = ["PacedModel"]


class PacedModel(Model):
    """Says what `says` is given, to the call of that number. `left` are the calls that were stopped before their end.

    An empty text ends the call, an exception is raised, a Delta is passed on as it is.
    """

    capabilities = Capabilities(local=True, price=Price(input=0, output=0))
    fingerprint = "paced-1"

    def __init__(self) -> None:
        self.contexts: list[Context] = []
        self.left: list[int] = []
        self._lines: list[asyncio.Queue[str | Exception | Delta]] = []
        self._begun = asyncio.Condition()

    @property
    def calls(self) -> int:
        """How many were begun."""
        return len(self.contexts)

    async def says(self, *lines: str | Exception | Delta, call: int = 0) -> None:
        """Has a call go on, once it is there."""
        async with self._begun:
            await self._begun.wait_for(lambda: len(self._lines) > call)
        for line in lines:
            self._lines[call].put_nowait(line)

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """All that it is told to say."""
        said = [delta async for delta in self.stream(prompt, context=context)]
        completion = said[-1].completion
        assert completion is not None
        return completion

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """What it is told to say, when it is told."""
        number, lines = len(self.contexts), asyncio.Queue[str | Exception | Delta]()
        async with self._begun:
            self.contexts.append(context)
            self._lines.append(lines)
            self._begun.notify_all()
        text = ""
        try:
            while line := await lines.get():
                if isinstance(line, Exception):
                    raise line
                delta = line if isinstance(line, Delta) else Delta(line)
                text = delta.text if delta.restart else text + delta.text
                yield delta
        except (asyncio.CancelledError, GeneratorExit):
            self.left.append(number)
            raise
        usage = Usage(input_tokens=10, output_tokens=len(text.split()))
        yield Delta("", Completion(text=text, model="paced", usage=usage, cost=0.001))
