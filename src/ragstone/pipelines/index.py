"""One index: the parts that write it and read it, and the state they share."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module

from ragstone.caching.tokens import TokenKeeper
from ragstone.errors import IndexMismatch
from ragstone.ingestion.parse import Reader
from ragstone.ingestion.workers import Workers
from ragstone.pipelines.admission import Admission
from ragstone.pipelines.cache_places import Caches
from ragstone.pipelines.situate import Situator
from ragstone.pipelines.stale import forget_stale
from ragstone.protocols import Embedder, LexicalIndex, Splitter, VectorStore
from ragstone.state.lock import FileLock
from ragstone.state.sqlite import Facts, ProjectState
from ragstone.types import Chunk, Context

__all__ = ["Index", "collection_name"]

FORMAT = 4
"""Raise it when parsers, the analyzer or a store keep something else of the same file: everything is ingested again."""

COUNTED = 60.0  # seconds for which the size of an index is remembered


def collection_name(*parts: str) -> str:
    """A name that every store accepts, another one for other parts: a tenant's vectors never share a collection."""
    return "ragstone-" + hashlib.blake2b("\0".join(parts).encode(), digest_size=10).hexdigest()


@dataclass(kw_only=True, eq=False)
class Index:
    """One edition of what an ingest pipeline writes for a tenant. `name` is the pipeline's.

    `tokens` keeps the token vectors of what the embedder reads, where it gives any. `lock` keeps other processes from
    writing (None: no other can). `caches` hold answers that rest on it.
    """

    name: str
    tenant: str
    edition: int = 0
    state: ProjectState
    splitter: Splitter
    embedder: Embedder
    store: VectorStore
    lexical: LexicalIndex
    lock: FileLock | None = None
    reader: Reader = field(default_factory=Workers)
    parsing: str = ""  # changes with the settings of the parsers
    situator: Situator | None = None
    admission: Admission | None = None
    tokens: TokenKeeper | None = None
    caches: Caches = field(default_factory=Caches)
    _loaded: bool = field(default=False, init=False)
    _size: tuple[float, int] = field(default=(0.0, -1), init=False)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def key(self) -> str:
        """What the state files this edition under."""
        return f"{self.name}#{self.edition}" if self.edition else self.name

    @property
    def fingerprint(self) -> str:
        """Changes with whatever changes the chunks, their terms or their vectors; the embedder's part stands first."""
        situated = self.situator.fingerprint if self.situator else ""
        admitted = self.admission.fingerprint if self.admission else ""
        return f"{self.embedder.fingerprint}/{self.splitter.fingerprint}{situated}{admitted}/{self.parsed_by}"

    @property
    def parsed_by(self) -> str:
        """The part of the fingerprint that says how bytes become text."""
        return f"{FORMAT}{self.parsing}"

    async def load_embedder(self) -> None:
        """Starts the embedder alone, for work that must not open a damaged index."""
        await asyncio.to_thread(import_module, "numpy.typing")
        await self.embedder.load()

    async def load(self) -> None:
        """Starts the slow parts side by side, once."""
        if self._loaded:
            return
        # Two threads that import numpy at once can each see a half-made one: its modules import each other in a circle.
        await asyncio.to_thread(import_module, "numpy.typing")
        await asyncio.gather(self.embedder.load(), self.store.load(), self.lexical.load())
        self._loaded = True

    @asynccontextmanager
    async def writing(self, *, wait: bool = True, waiting: Callable[[str], None] | None = None) -> AsyncGenerator[None]:
        """Keeps everyone else from writing, in this process and in others; then caches forget what has changed.

        Raises IndexBusy without `wait`; with it `waiting` is told once who is waited for.
        """
        async with self._writing:
            if self.lock is not None:
                await self.lock.acquire_soon(wait=math.inf if wait else 0.0, waiting=waiting)
            try:
                yield
                await forget_stale(self.state, self.caches, tenant=self.tenant)
            finally:
                if self.lock is not None:
                    self.lock.release()

    async def flush(self) -> None:
        """Lets other processes see what was written."""
        await asyncio.gather(self.store.flush(), self.lexical.flush())

    async def close(self) -> None:
        """Closes what belongs to this index alone."""
        async with AsyncExitStack() as ends:
            ends.push_async_callback(self.lexical.close)
            ends.push_async_callback(self.store.close)

    async def facts(self) -> Facts:
        """What is known of it as a whole."""
        return await asyncio.to_thread(self.state.facts, self.key, tenant=self.tenant)

    def require_vectors(self, facts: Facts) -> None:
        """Raises IndexMismatch when every document was embedded by another embedder."""
        found, embedder = facts.fingerprints, self.embedder.fingerprint
        if found and not any(fingerprint.startswith(f"{embedder}/") for fingerprint in found):
            raise IndexMismatch(
                "the index was built by another embedder",
                where=f"index {self.name!r}",
                expected=embedder,
                found=found[0].split("/", 1)[0],
                hint="Run: ragstone ingest",
            )

    async def count(self, context: Context) -> int:
        """How many chunks there are, counted again after a minute."""
        at, size = self._size
        if size < 0 or time.monotonic() - at > COUNTED:
            size = await self.lexical.count(context=context)
            self._size = time.monotonic(), size
        return size

    async def chunks(self, ids: Sequence[str]) -> dict[str, Chunk]:
        """The chunks behind the ids that a search returned."""
        return await asyncio.to_thread(self.state.chunks, self.key, ids, tenant=self.tenant)
