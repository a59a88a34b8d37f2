"""An answer that was kept, read again with its key made anew, beside a SELECT of the same bytes.

Ours goes through CachedModel, SparedCache and a file, as in a project. The reference hashes the same messages and
passages for a key, reads one row of sqlite3 in a thread of its own and decodes it; equal requests share a read, which
has a limit of time. What two threads cost that wait for each other differs much from machine to machine and from second
to second. So each side has one such wait in a hit, and about as much of Python around it.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from guard.thing import Sides, Thing, spent

__all__ = ["THING"]

QUESTIONS = 50
ANSWER = "The harbour opens at six in the morning from May to September, and at eight in winter [1]. " * 4
TIMES = 5  # hits in a round
PATIENCE = 60.0  # seconds that a busy machine may take for one


@contextmanager
def sides(folder: Path) -> Iterator[Sides]:
    from guard.things.passages import answer_file, built
    from ragstone.caching.model import CachedModel
    from ragstone.caching.spared import SparedCache
    from ragstone.connectors.sqlite_cache import SqliteCache
    from ragstone.protocols import Model
    from ragstone.types import Completion, Context, Prompt

    class Once(Model):
        """Answers each question once."""

        fingerprint = "once-1"
        left = QUESTIONS

        async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
            self.left -= 1
            assert self.left >= 0, "the cache was not asked"
            return Completion(text=ANSWER, model="once")

    file, context, cache = answer_file(), Context(), SqliteCache(folder / "answers.db", size=20)
    spared = SparedCache(cache, patience=PATIENCE)
    prompts = [built(file, f"[{number}] When does the harbour open?") for number in range(QUESTIONS)]
    model = CachedModel(Once(), spared, seconds=86_400.0)

    async def ask(numbers: range) -> None:
        for number in numbers:
            said = await model.generate(prompts[number], context=context)
            assert said.text == ANSWER

    with asyncio.Runner() as runner, closing(Row(folder / "plain.db")) as row:
        requests = [
            Request(tuple(Said(message.role, message.content) for message in prompt.messages)) for prompt in prompts
        ]
        row.fill(requests)
        runner.run(ask(range(QUESTIONS)))
        runner.run(spared.drained())  # until then it has them in memory, too
        yield (
            lambda: spent(lambda: runner.run(ask(range(TIMES)))),
            lambda: spent(lambda: runner.run(row.ask(requests[:TIMES]))),
        )
        runner.run(cache.close())


@dataclass(frozen=True, slots=True)
class Said:
    """A message."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Passage:
    """What a message rests on."""

    number: int
    document: str = "harbour.md"
    title: str = "Harbour"
    acl: tuple[str, ...] = ("public",)
    spans: tuple[tuple[int, int], ...] = tuple((at, at + 100) for at in range(0, 800, 100))
    metadata: tuple[tuple[str, str], ...] = (("language", "en"), ("year", "1931"), ("author", "the harbour master"))


@dataclass(frozen=True, slots=True)
class Request:
    """What a key is made of."""

    messages: tuple[Said, ...]
    passages: tuple[Passage, ...] = tuple(map(Passage, range(1, 6)))
    options: tuple[tuple[str, float], ...] = (("temperature", 0.0), ("max_output_tokens", 800.0))


class Row:
    """The reference: a table of keys and values, and one thread that reads it."""

    def __init__(self, path: Path) -> None:
        self.thread = ThreadPoolExecutor(1)
        self.under_way = dict[bytes, asyncio.Task[dict[str, str]]]()
        self.db = sqlite3.connect(path, check_same_thread=False)
        self.db.execute("CREATE TABLE kept (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")

    def fill(self, requests: list[Request]) -> None:
        value = json.dumps({"text": ANSWER, "model": "scripted"}).encode()
        self.db.executemany("INSERT INTO kept VALUES (?, ?)", [(key_of(request), value) for request in requests])
        self.db.commit()

    async def ask(self, requests: list[Request]) -> None:
        for request in requests:
            said = await self.shared(key_of(request))
            assert said["text"] == ANSWER

    async def shared(self, key: bytes) -> dict[str, str]:
        task = self.under_way.get(key)
        if task is None:
            task = self.under_way[key] = asyncio.create_task(self.within(key))
            task.add_done_callback(lambda _: self.under_way.pop(key))
        return await asyncio.shield(task)

    async def within(self, key: bytes) -> dict[str, str]:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.create_task(self.decoded(key))

    async def decoded(self, key: bytes) -> dict[str, str]:
        value = await asyncio.get_running_loop().run_in_executor(self.thread, self.read, key)
        await asyncio.sleep(0)
        return json.loads(value)

    def read(self, key: bytes) -> bytes:
        return self.db.execute("SELECT value FROM kept WHERE key = ?", (key,)).fetchone()[0]

    def close(self) -> None:
        self.thread.shutdown()
        self.db.close()


def key_of(request: Request) -> bytes:
    return hashlib.blake2b(json.dumps(asdict(request), sort_keys=True).encode(), digest_size=20).digest()


THING = Thing(name="cache", reference="a SELECT of sqlite3", packages=(), pairs=100, sides=sides)
