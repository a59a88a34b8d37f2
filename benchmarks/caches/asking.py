"""One way to take answers of a model from a cache, timed one by one: `benchmarks/caching.py` starts one for each way.

    python asking.py ragstone-sqlite|ragstone-redis|langchain-memory|langchain-sqlite|langchain-redis PLACE ENTRIES

PLACE is a folder or the URL of a Redis. It fills the cache with so many entries, says how long that took, and then
reads lines of what to do (`hit 200`, `stream 200`, `flock 200`, `memory 0`) and writes what came of each as a line of
JSON. It runs in the environment of whatever it asks with. The model answers at once; for a flock it thinks for 50 ms.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

QUESTIONS = 500  # that are asked again
THINKS = 0.05  # seconds
WORDS = "The harbour opens at six in the morning from May to September, and at eight in winter [1]. "
ANSWER = WORDS * 4
PASSAGE = "The harbour master opens the gates of the inner basin, and closes them when the last boat is in. "
PASSAGES = [f"{number}. {PASSAGE * 8}" for number in range(1, 6)]
BATCH = 2_000
PIECE = 400  # commands to a Redis at once


class Way(ABC):
    """Asks a model behind one cache. `called` counts the calls of the model."""

    called = 0
    thinks = 0.0

    async def fill(self, entries: int) -> None:  # noqa: B027 - not every way can be filled
        """Has the cache hold so many other entries."""

    @abstractmethod
    async def ask(self, number: int) -> str:
        """The answer to a question."""

    @abstractmethod
    async def stream(self, number: int) -> str:
        """The same answer, piece by piece."""

    def file(self) -> int:
        """The bytes of its file."""
        return 0


# ── Ragstone ────────────────────────────────────────────────────────────────────────────────────────────────────────


class ByRagstone(Way):
    """Through CachedModel, the making of the key included, and through SparedCache, as in a project."""

    def __init__(self, cache: Any, folder: Path | None = None) -> None:
        from ragstone.caching.model import CachedModel
        from ragstone.caching.spared import SparedCache
        from ragstone.protocols import Model
        from ragstone.types import Completion, Context

        way = self

        class Counted(Model):
            fingerprint = "counted-1"

            async def generate(self, prompt: Any, *, context: Any) -> Any:
                way.called += 1
                await asyncio.sleep(way.thinks)
                return Completion(text=ANSWER, model="counted")

        self.cache, self.folder, self.context = cache, folder, Context()
        self.model = CachedModel(Counted(), SparedCache(cache), seconds=30 * 86_400.0)
        self.prompts: dict[int, Any] = {}

    async def fill(self, entries: int) -> None:
        from ragstone.stored import Stored
        from ragstone.testing import MemoryCache

        shown = MemoryCache()
        model, self.model.cache = self.model.cache, shown
        await self.ask(-1)
        self.model.cache = model
        ((_, entry),) = shown._entries.items()
        value, tags, seconds = entry.stored.value, entry.stored.tags, entry.stored.seconds
        for first in range(0, entries, BATCH):
            own = [f"document:{number // 40}" for number in range(first, min(entries, first + BATCH))]
            others = tuple(tag for tag in tags if not tag.startswith("document:"))
            made = {os.urandom(24): Stored(value=value, seconds=seconds, tags=(*others, document)) for document in own}
            await self.cache.put("calls", made, context=self.context)
        held = (await self.cache.stats(context=self.context)).entries.get("calls", 0)
        assert held >= 0.95 * entries, f"{held} of {entries} are there"  # Redis estimates how many it has

    def prompt(self, number: int) -> Any:
        from ragstone.config import template
        from ragstone.prompts.builder import build
        from ragstone.prompts.file import load
        from ragstone.types import Chunk, Hit

        if number not in self.prompts:
            folder = template() / "prompts"
            file = load(folder / "answer.prompty", root=folder)
            hits = [
                Hit(
                    Chunk(id=f"c{place}", document_id="d", uri="harbour.md", title="Harbour", text=text, start=0,
                          end=len(text), line=1, spans=()),
                    place, {},
                )
                for place, text in enumerate(PASSAGES, 1)
            ]  # fmt: skip
            self.prompts[number] = build(file, {"question": question(number)}, hits=hits)
        return self.prompts[number]

    async def ask(self, number: int) -> str:
        return (await self.model.generate(self.prompt(number), context=self.context)).text

    async def stream(self, number: int) -> str:
        deltas = self.model.stream(self.prompt(number), context=self.context)
        return "".join([delta.text async for delta in deltas])

    def file(self) -> int:
        return sum(path.stat().st_size for path in self.folder.iterdir()) if self.folder else 0


def ragstone_sqlite(place: str) -> Way:
    from ragstone.connectors.sqlite_cache import SqliteCache

    return ByRagstone(SqliteCache(Path(place) / "cache.db", size=20_000), Path(place))


def ragstone_redis(place: str) -> Way:
    from ragstone.connectors.redis import RedisCache

    return ByRagstone(RedisCache(place))


# ── LangChain ───────────────────────────────────────────────────────────────────────────────────────────────────────


class ByLangChain(Way):
    """Through `invoke` of a chat model with a cache, which takes no thread; a flock is awaited."""

    def __init__(self, cache: Any, keep: Callable[[Iterator[tuple[str, str, Any]]], None], size: Callable[[], int]):
        from langchain_core.language_models import BaseChatModel
        from langchain_core.messages import AIMessage
        from langchain_core.outputs import ChatGeneration, ChatResult

        way = self

        class Counted(BaseChatModel):
            @property
            def _llm_type(self) -> str:
                return "counted"

            @property
            def _identifying_params(self) -> dict[str, Any]:
                return {"model": "counted-1"}

            def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
                way.called += 1
                return ChatResult(generations=[ChatGeneration(message=AIMessage(ANSWER))])

            async def _agenerate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
                way.called += 1
                await asyncio.sleep(way.thinks)
                return ChatResult(generations=[ChatGeneration(message=AIMessage(ANSWER))])

        self.make, self.keep, self.file = Counted, keep, size
        self.model = Counted(cache=cache)

    async def fill(self, entries: int) -> None:
        from langchain_core.caches import InMemoryCache

        shown = InMemoryCache()
        self.make(cache=shown).invoke(messages(-1))
        (((prompt, model), generations),) = shown._cache.items()
        made = ((prompt.replace("[-1]", f"[{-number}]"), model, generations) for number in range(2, entries + 2))
        self.keep(made)

    async def ask(self, number: int) -> str:
        if self.thinks:
            return (await self.model.ainvoke(messages(number))).content
        return self.model.invoke(messages(number)).content

    async def stream(self, number: int) -> str:
        return "".join(str(part.content) for part in self.model.stream(messages(number)))


def langchain_memory(place: str) -> Way:
    from langchain_core.caches import InMemoryCache

    cache = InMemoryCache()

    def keep(made: Iterator[tuple[str, str, Any]]) -> None:
        cache._cache.update(((prompt, model), generations) for prompt, model, generations in made)

    return ByLangChain(cache, keep, lambda: 0)


def langchain_sqlite(place: str) -> Way:
    import sqlite3

    from langchain_community.cache import SQLiteCache
    from langchain_core.load import dumps

    path = Path(place) / "langchain.db"
    cache = SQLiteCache(str(path))

    def keep(made: Iterator[tuple[str, str, Any]]) -> None:
        rows = ((prompt, model, 0, dumps(found[0])) for prompt, model, found in made)
        db = sqlite3.connect(path)
        db.executemany("INSERT INTO full_llm_cache (prompt, llm, idx, response) VALUES (?, ?, ?, ?)", rows)
        db.commit()
        db.close()

    return ByLangChain(cache, keep, lambda: path.stat().st_size)


def langchain_redis(place: str) -> Way:
    from langchain_community.cache import RedisCache
    from langchain_core.load import dumps
    from redis import Redis

    client = Redis.from_url(place)

    def keep(made: Iterator[tuple[str, str, Any]]) -> None:
        pipe, told = client.pipeline(transaction=False), ""
        for number, (prompt, model, found) in enumerate(made, 1):
            told = told or dumps(found[0])
            pipe.hset(RedisCache._key(prompt, model), mapping={"0": told})
            if not number % PIECE:
                pipe.execute()
        pipe.execute()

    return ByLangChain(RedisCache(client), keep, lambda: 0)


# ── What is asked ───────────────────────────────────────────────────────────────────────────────────────────────────


def question(number: int) -> str:
    return f"[{number}] When does the harbour open, and who says so?"


def messages(number: int) -> list[tuple[str, str]]:
    """As long as our prompt: both keep what was said to five passages."""
    return [("system", "Answer from the passages alone.\n\n" + "\n\n".join(PASSAGES)), ("human", question(number))]


async def timed(ask: Callable[[int], Awaitable[str]], times: int) -> list[float]:
    took: list[float] = []
    for at in range(times):
        begun = time.perf_counter()
        said = await ask(at * 7 % QUESTIONS)
        took.append(time.perf_counter() - begun)
        assert said == ANSWER, said
    return took


async def flock(way: Way, many: int) -> list[int]:
    """How often the model is called for so many requests at once that are all the same, and how many of them fail."""
    before, way.thinks = way.called, THINKS
    came = await asyncio.gather(*(way.ask(QUESTIONS + 1) for _ in range(many)), return_exceptions=True)
    way.thinks = 0.0
    return [way.called - before, sum(isinstance(one, BaseException) for one in came)]


def resident() -> float:
    """MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def main(name: str, place: str, entries: str) -> None:
    way: Way = WAYS[name](place)
    begun = time.perf_counter()
    await way.fill(int(entries))
    for number in range(QUESTIONS):
        await way.ask(number)
    await asyncio.sleep(1)  # what is written in the background
    print(json.dumps(time.perf_counter() - begun), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        do, times = line.split()
        before = way.called
        if do == "memory":
            found: Any = [resident(), way.file() / 1e6]
        elif do == "flock":
            found = await flock(way, int(times))
        else:
            took = await timed(way.ask if do == "hit" else way.stream, int(times))
            found = [took, way.called - before]
        print(json.dumps(found), flush=True)


WAYS: dict[str, Callable[[str], Way]] = {
    "ragstone-sqlite": ragstone_sqlite,
    "ragstone-redis": ragstone_redis,
    "langchain-memory": langchain_memory,
    "langchain-sqlite": langchain_sqlite,
    "langchain-redis": langchain_redis,
}

if __name__ == "__main__":
    warnings.showwarning = lambda *_, **__: None  # LangChain warns with each value that it reads; that costs time
    asyncio.run(main(*sys.argv[1:]))
