"""Answers of LangChain's models in one of our caches."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from langchain_core.caches import BaseCache
from langchain_core.load import dumps, loads
from langchain_core.messages import AIMessage, AIMessageChunk, ChatMessage, ChatMessageChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, Generation, GenerationChunk

from ragstone.caching.key import pair_key
from ragstone.caching.spared import SparedCache
from ragstone.interop.asking import awaited
from ragstone.protocols import Cache
from ragstone.registry import find
from ragstone.stored import Stored
from ragstone.sync.loop import running_loop, waited
from ragstone.types import Context

__all__ = ["RagstoneCache"]

ROOM = "langchain"
CONTEXT = Context()
KNOWN = [
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    Generation,
    GenerationChunk,
    ChatGeneration,
    ChatGenerationChunk,
]
"""What may be read back. An entry that names anything else holds nothing, whoever has written it."""


class RagstoneCache(BaseCache):
    """Exact: the same prompt to the same model with the same settings is answered from the cache.

    >>> set_llm_cache(RagstoneCache(Path(".ragstone/langchain.db")))
    >>> set_llm_cache(RagstoneCache(RedisCache("redis://localhost:6379/0"), seconds=86_400))

    A path is that of a SQLite file; without one, and without a cache, answers are kept in memory. `seconds` is how long
    an answer counts. Values are JSON that makes messages and generations alone; nothing is unpickled. A cache never
    stands in the way: what cannot be read, or not within a moment, is not there, one that is down is left alone for a
    while, and the log says so. The methods with an `a` before their names
    block no event loop.
    """

    def __init__(self, cache: Cache | str | Path | None = None, *, seconds: float | None = None) -> None:
        made = cache if isinstance(cache, Cache) else _file(Path(cache) if cache else None)
        self.cache = made if isinstance(made, SparedCache) else SparedCache(made)
        self.seconds = seconds
        running_loop().call_soon_threadsafe(self.cache.begin)

    def lookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """What was answered before; None where nothing was."""
        return _read(waited(self._get(pair_key(prompt, llm_string))))

    async def alookup(self, prompt: str, llm_string: str) -> Sequence[Generation] | None:
        """What was answered before; None where nothing was."""
        return await asyncio.to_thread(_read, await awaited(self._get(pair_key(prompt, llm_string))))

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keeps an answer in place of an older one."""
        waited(self._put(pair_key(prompt, llm_string), _written(return_val)))

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keeps an answer in place of an older one."""
        await awaited(self._put(pair_key(prompt, llm_string), await asyncio.to_thread(_written, return_val)))

    def clear(self, **kwargs: Any) -> None:
        """Forgets every answer that was kept by way of LangChain. Raises CacheUnavailable."""
        waited(self._clear())

    async def aclear(self, **kwargs: Any) -> None:
        """Forgets every answer that was kept by way of LangChain. Raises CacheUnavailable."""
        await awaited(self._clear())

    def close(self) -> None:
        """Closes the cache; the next call opens it again."""
        waited(self.cache.close())

    async def _get(self, key: bytes) -> bytes | None:
        found = await self.cache.get(ROOM, [key], context=CONTEXT)
        return found[key].value if key in found else None

    async def _put(self, key: bytes, value: bytes | None) -> None:
        if value is None:
            return
        await self.cache.put(ROOM, {key: Stored(value=value, seconds=self.seconds)}, context=CONTEXT)
        # A program may end right after its first answer, and nobody closes what LangChain holds.
        await self.cache.drained(self.cache.patience)

    async def _clear(self) -> None:
        await self.cache.clear([ROOM], context=CONTEXT)


def _file(path: Path | None) -> Cache:
    make: Any = find("cache", "sqlite")
    return make(path=path)


def _written(answer: Sequence[Generation]) -> bytes | None:
    try:
        return dumps(list(answer)).encode("utf-8", "surrogatepass")
    except RecursionError:  # nested too deeply to be kept
        return None


def _read(value: bytes | None) -> Sequence[Generation] | None:
    if value is None:
        return None
    _quiet()
    try:
        read: Any = loads(value.decode("utf-8", "surrogatepass"), allowed_objects=KNOWN)
    except Exception:  # whatever somebody has written there: RecursionError, for one
        return None
    return read if isinstance(read, list) and all(isinstance(one, Generation) for one in read) else None  # pyright: ignore[reportUnknownVariableType]


@cache
def _quiet() -> None:
    warnings.filterwarnings("ignore", "The function `loads` is in beta")
