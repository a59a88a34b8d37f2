"""What a question costs between a program and its model, beside a model asked directly and some plain Python.

Ours is `rag.route().complete`: its router, its ledger, its attempts and its trace. The model answers at once and
computes nothing, so beside it alone every figure would be noise. The reference does what a small gateway of one's own
might do: scans and copies the messages of a longer conversation, keeps a row of what was used, and awaits a few
functions. Both wait about as often for another thread: nothing differs more between machines than what that costs.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from guard.thing import Sides, Thing, spent

__all__ = ["THING"]

MESSAGES = [("system", "Be brief."), ("user", "When does the halibut project ship? " * 20)]
SAID = "The halibut project ships on 3 May 2031 as planned."
SPECIAL = re.compile(r"<\|\w+\|>|</?s>|\[/?INST\]", re.IGNORECASE)
TURNS = 8  # of the reference's conversation
TIMES, ALIKE = 4, 8  # of ours and of the reference in a round: about as long


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    from ragstone.protocols import Capabilities, Model
    from ragstone.rag import AsyncRag
    from ragstone.testing import HashingEmbedder
    from ragstone.types import Completion, Context, Message, Prompt
    from ragstone.usage import Price

    class Prompter(Model):
        """Answers at once."""

        model = "prompter"
        capabilities = Capabilities(local=True, price=Price(input=0, output=0))

        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            return Completion(text=SAID, model="prompter")

    rag = AsyncRag(model=Prompter(), embedder=HashingEmbedder())
    route, messages = rag.route(), [Message(*each) for each in MESSAGES]

    async def ours() -> None:
        for _ in range(TIMES):
            (said,) = await route.complete(messages)
            assert said.text == SAID

    with asyncio.Runner() as runner, closing(Gateway()) as gateway:
        yield (
            lambda: spent(lambda: runner.run(ours())),
            lambda: spent(lambda: runner.run(gateway.asked(ALIKE))),
        )
        runner.run(rag.close())


@dataclass(frozen=True, slots=True)
class Turn:
    """One message."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent."""

    turns: tuple[Turn, ...]
    version: str = ""
    deadline: float = 0.0


class Gateway:
    """The reference, which has no line of ours in it."""

    def __init__(self) -> None:
        self.db = sqlite3.connect(":memory:", check_same_thread=False)
        self.db.execute("CREATE TABLE used (at REAL, version TEXT, words INTEGER)")
        self.thread = ThreadPoolExecutor(1)

    async def asked(self, times: int) -> None:
        for _ in range(times):
            said = await self.complete([Turn(*each) for each in MESSAGES * TURNS])
            assert said == SAID

    async def complete(self, turns: list[Turn]) -> str:
        request = Request(tuple(replace(turn, content=SPECIAL.sub("", turn.content)) for turn in turns))
        words = json.dumps([asdict(turn) for turn in request.turns])
        request = replace(request, version=hashlib.blake2b(words.encode(), digest_size=8).hexdigest())
        said = await self.within(replace(request, deadline=time.monotonic() + 60))
        await asyncio.get_running_loop().run_in_executor(self.thread, self.keep, request, len(words.split()))
        return said

    async def within(self, request: Request) -> str:
        async with asyncio.timeout_at(request.deadline):
            return await self.generate(request)

    async def generate(self, request: Request) -> str:
        return SAID

    def keep(self, request: Request, words: int) -> None:
        with self.db:
            self.db.execute("INSERT INTO used VALUES (?, ?, ?)", (time.time(), request.version, words))

    def close(self) -> None:
        self.thread.shutdown()
        self.db.close()


THING = Thing(name="overhead", reference="plain Python", packages=(), pairs=100, sides=sides)
