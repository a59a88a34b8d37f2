"""A model that plays one script a call: words, signs of life, failures, and silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from copy import copy
from typing import TypeAlias

from ragstone.protocols import Capabilities, Model
from ragstone.types import Completion, Context, Delta, Message, Prompt
from ragstone.usage import Usage

LIFE = ""  # a sign of life without a word, as reasoning gives
SILENCE = None  # says nothing until it is cancelled

Beat: TypeAlias = str | Exception | None
Play: TypeAlias = Sequence[Beat]

PROMPT = Prompt(name="p", version="1", messages=(Message("user", "Hello"),))


class PlayingModel(Model):
    """Each call plays the next script; the last one is played ever after. Counts what is under way and cancelled."""

    def __init__(self, *plays: Play, name: str = "local", capabilities: Capabilities | None = None) -> None:
        self.name, self.plays = name, list(plays)
        self.capabilities = capabilities or Capabilities(samples=True)
        self.calls, self.under_way, self.cancelled = 0, 0, 0
        self.asked = asyncio.Event()

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        return [delta async for delta in self.stream(prompt, context=context)][-1].completion  # type: ignore[return-value]

    async def sample(self, prompt: Prompt, *, n: int, context: Context) -> Sequence[Completion]:
        return [await self.generate(prompt, context=context)] * n

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        play = self.plays[min(self.calls, len(self.plays) - 1)]
        self.calls += 1
        self.under_way += 1
        self.asked.set()
        said = ""
        try:
            for beat in play:
                await asyncio.sleep(0)
                if isinstance(beat, Exception):
                    raise copy(beat)  # an error gathers what is known of it on its way
                if beat is SILENCE:
                    await asyncio.Event().wait()
                else:
                    said += beat
                    yield Delta(beat)
            usage = Usage(input_tokens=1, output_tokens=len(said))
            yield Delta("", Completion(text=said, model=self.name, usage=usage))
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise
        finally:
            self.under_way -= 1
