"""A model whose answers are kept."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, replace

from ragstone.caching.key import Scope, call_key, documents_of
from ragstone.errors import NotCached
from ragstone.protocols import Cache, Model
from ragstone.stored import Stored
from ragstone.types import Completion, Context, Delta, Prompt
from ragstone.usage import Usage
from ragstone.wrapped import WrappedModel

__all__ = ["CachedModel"]

ROOM = "calls"


class CachedModel(WrappedModel):
    """Answers a request that was answered before from the cache."""

    def __init__(
        self,
        model: Model,
        cache: Cache,
        *,
        sampled: bool = False,
        scope: Scope = "caller",
        seconds: float | None = None,
    ) -> None:
        super().__init__(model)
        self.cache, self.sampled, self.seconds = cache, sampled, seconds
        self.scope: Scope = scope

    async def generate(self, prompt: Prompt, *, context: Context) -> Completion:
        """What is kept, or the wrapped model's, which is kept from then on."""
        key = self._key(prompt, context)
        if key is None:
            return await self.model.generate(prompt, context=context)
        found = await self._kept(key, context)
        if found is None:
            found = await self.model.generate(prompt, context=context)
            await self._keep(key, prompt, found, context)
        return found

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        """The same piece by piece."""
        key = self._key(prompt, context)
        found = await self._kept(key, context) if key is not None else None
        if found is not None:
            yield Delta(found.text, found)
            return
        async with aclosing(self.model.stream(prompt, context=context)) as deltas:
            async for delta in deltas:
                if delta.completion is not None and key is not None:
                    await self._keep(key, prompt, delta.completion, context)
                yield delta

    def _key(self, prompt: Prompt, context: Context) -> bytes | None:
        drawn = (prompt.options.temperature or 0) > 0 or prompt.sample > 0
        if context.cache == "off" or not self.fingerprint or (drawn and not self.sampled):
            return None
        return call_key(prompt, model=self.fingerprint, scope=self.scope, context=context)

    async def _kept(self, key: bytes, context: Context) -> Completion | None:
        if context.cache == "refresh":
            return None
        begun = time.perf_counter()
        found = (await self.cache.get(ROOM, [key], context=context)).get(key)
        if found is not None:
            told = json.loads(found.value)
            return Completion(**told, cached=True, seconds=time.perf_counter() - begun)
        if context.cache == "only":
            raise NotCached("nothing is kept for this request", where=self.name or None)
        return None

    async def _keep(self, key: bytes, prompt: Prompt, completion: Completion, context: Context) -> None:
        if completion.finish_reason != "stop":
            return
        told = asdict(replace(completion, usage=Usage(), cost=0.0, attempts=()))
        told = {name: value for name, value in told.items() if name not in ("usage", "attempts", "seconds", "cached")}
        tags: Sequence[str] = documents_of(hit for slot in prompt.slots for hit in slot.hits)
        entry = Stored(value=json.dumps(told).encode(), seconds=self.seconds, tags=tuple(tags))
        await self.cache.put(ROOM, {key: entry}, context=context)
