"""What an index holds, and what can be done about it: `rag.index()`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from ragstone.assembly import Assembly
from ragstone.errors import UsageError, nearest
from ragstone.pipelines import upkeep
from ragstone.pipelines.index import Index
from ragstone.reports import Difference, IndexStatus
from ragstone.trace import Trace
from ragstone.types import Chunk, Context, Document

__all__ = ["AsyncIndex"]


class AsyncIndex:
    """One tenant's index of one ingest pipeline.

    async with ragstone.aopen("mydocs") as rag:
        for difference in await rag.index().verify():
            print(difference.uri, difference.problem, difference.index)
    """

    def __init__(self, parts: Assembly, *, tenant: str, pipeline: str) -> None:
        self._parts, self._tenant, self._pipeline = parts, tenant, pipeline

    async def status(self) -> IndexStatus:
        """Documents by state, chunks, the last failures, what is forgotten, and bytes on disk."""
        index = await self._index()
        return await asyncio.to_thread(self._status, index)

    async def verify(self) -> list[Difference]:
        """Every chunk that the vector store or the lexical index lacks, or holds and should not, by `project.db`."""
        return await upkeep.verify(await self._index(), context=self._context("verify"))

    async def repair(self) -> list[Difference]:
        """Mends every difference from `project.db` alone, and says what it found.

        An index that can no longer be read is made anew. Raises IndexMismatch where the documents were ingested by
        other parts: then an ingestion is needed.
        """
        found, _ = await upkeep.repair(await self._index(), context=self._context("repair"))
        return found

    async def documents(self, uri: str) -> list[Document]:
        """The document of a uri, then those inside it. Raises UsageError where there is none."""
        index = await self._index()
        found = await asyncio.to_thread(index.state.named, index.key, uri, tenant=index.tenant)
        if not found:
            uris = await asyncio.to_thread(index.state.all_uris, index.key, tenant=index.tenant)
            raise UsageError("there is no such document", where=uri, hint=nearest(uri, uris))
        return found

    async def chunks(self, uri: str) -> list[Chunk]:
        """The chunks of a document and of those inside it, in order. Raises UsageError for an unknown uri."""
        index = await self._index()
        documents = await self.documents(uri)
        found: list[Chunk] = []
        for document in documents:
            found += await asyncio.to_thread(index.state.chunks_of, index.key, document.id, tenant=index.tenant)
        return found

    async def forget(self, uri: str) -> int:
        """Removes a document with all that lies inside it, and keeps it out; returns how many documents went.

        It goes from the state, the indexes, the cache of vectors, the traces that name it, the feedback on answers
        that cite it and the answers of conversations that rest on it. A uri that was never ingested is kept out, too.
        """
        index = await self._index()
        context = self._context("forget")
        async with index.writing():
            await index.load()
            await asyncio.to_thread(index.state.forget, uri, tenant=index.tenant)
            inside = [
                one.uri for one in await asyncio.to_thread(index.state.named, index.key, uri, tenant=index.tenant)
            ]
            gone = await upkeep.forget(index, uri, context=context)
            await index.flush()
        await asyncio.to_thread(self._parts.traces.forget, uri, tenant=self._tenant)
        await asyncio.to_thread(self._parts.feedback.forget, uri, tenant=self._tenant)
        conversations = await asyncio.to_thread(self._parts.conversations)
        await conversations.forget([uri, *inside], tenant=self._tenant)
        return gone

    async def allow(self, uri: str) -> None:
        """Lets a forgotten document in again, with the next ingestion. Raises UsageError where it is not forgotten."""
        index = await self._index()
        known = await asyncio.to_thread(index.state.forgotten, tenant=self._tenant)
        if uri not in known:
            raise UsageError("was not forgotten", where=uri, hint=nearest(uri, known))
        await asyncio.to_thread(index.state.allow, uri, tenant=self._tenant)

    async def _index(self) -> Index:
        return await asyncio.to_thread(self._parts.index, tenant=self._tenant, pipeline=self._pipeline)

    def _context(self, name: str) -> Context:
        return Context(tenant=self._tenant, patient=True, trace=Trace(name))

    def _status(self, index: Index) -> IndexStatus:
        state, key, tenant = index.state, index.key, index.tenant
        return IndexStatus(
            pipeline=index.name,
            tenant=tenant,
            edition=index.edition,
            states=state.states(key, tenant=tenant),
            chunks=state.counts(key, tenant=tenant)["chunks"],
            failures=tuple(state.failures(key, tenant=tenant)),
            forgotten=tuple(state.forgotten(tenant=tenant)),
            sizes=_sizes(state.path.parent) if state.path else {},
            flagged=tuple(state.flagged(key, tenant=tenant)),
        )


def _sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file and folder of the state; a database counts with its journal."""
    sizes: dict[str, int] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix == ".lock":
            continue
        name = path.name.removesuffix("-wal").removesuffix("-shm")
        files = [path] if path.is_file() else path.rglob("*")
        sizes[name] = sizes.get(name, 0) + sum(file.lstat().st_size for file in files if not file.is_dir())
    return sizes
