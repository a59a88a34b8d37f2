"""Keeps the indexes in step with `project.db`, which alone is precious: whatever they lack is made again from it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ragstone.errors import RagstoneError, StateError
from ragstone.ingestion.embed import embed
from ragstone.ingestion.write import delete, entry, write
from ragstone.pipelines import parts
from ragstone.pipelines.index import Index
from ragstone.reports import Difference
from ragstone.state.sqlite import ManifestRow
from ragstone.types import Chunk, Context, Record

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["Completed", "complete", "drop_orphans", "forget", "mend", "repair", "verify"]

BATCH = 256  # chunks in one write


@dataclass(slots=True)
class Completed:
    """Documents by the state that they were in, and how many chunks had to be embedded."""

    states: Counter[str] = field(default_factory=Counter[str])
    embedded: int = 0


async def mend(index: Index, *, context: Context) -> Completed:
    """Completes what an interrupted run has left, and fills again what an index has lost (its folder, say)."""
    await drop_orphans(index, context=context)
    expected = await _expected(index)
    held = await asyncio.gather(index.store.count(context=context), index.lexical.count(context=context))
    if any(count != len(wanted) for count, wanted in zip(held, expected, strict=True)):
        with context.trace.step("ingest.loss", held=list(held), expected=[len(wanted) for wanted in expected]):
            await _demand(index, await verify(index, context=context))
            await drop_orphans(index, context=context)
    return await complete(index, context=context)


async def repair(index: Index, *, context: Context) -> tuple[list[Difference], Completed]:
    """Mends every difference from `project.db` alone; an index that cannot be read at all is made anew."""
    async with index.writing():
        await index.load_embedder()
        for part in (index.store, index.lexical):
            try:
                await part.ids(context=context)
            except StateError:
                await part.drop(context=context)
        found = await verify(index, context=context)
        await _demand(index, found)
        await drop_orphans(index, context=context)
        done = await complete(index, context=context)
        await index.flush()
    return found, done


async def verify(index: Index, *, context: Context) -> list[Difference]:
    """Every chunk that an index lacks, or holds and nobody knows, sorted by document."""
    expected = await _expected(index)
    held = await asyncio.gather(index.store.ids(context=context), index.lexical.ids(context=context))
    pending = {row.id for row in await asyncio.to_thread(index.state.pending, index.key, tenant=index.tenant)}
    unsettled = await asyncio.to_thread(index.state.chunk_ids_of, index.key, pending, tenant=index.tenant)
    found: list[tuple[str, Difference]] = []
    for name, wanted, ids in zip(("store", "lexical"), expected, held, strict=True):
        known = set(ids)
        found += [(wanted[one], Difference(name, "missing", one, "")) for one in wanted.keys() - known]
        found += [("", Difference(name, "surplus", one, "")) for one in known - wanted.keys() - unsettled]
    uris = await asyncio.to_thread(index.state.uris, index.key, {document for document, _ in found})
    named = [Difference(one.index, one.problem, one.chunk_id, uris.get(document, "")) for document, one in found]
    return sorted(named, key=lambda one: (one.uri, one.index, one.problem, one.chunk_id))


async def _expected(index: Index) -> tuple[dict[str, str], dict[str, str]]:
    """The chunks that the store and the lexical index must hold; vectors of another embedder lie elsewhere."""
    embedder = f"{index.embedder.fingerprint}/"
    ids, key, tenant = index.state.chunk_ids, index.key, index.tenant
    return (
        await asyncio.to_thread(ids, key, tenant=tenant, embedder=embedder),
        await asyncio.to_thread(ids, key, tenant=tenant),
    )


async def _demand(index: Index, differences: Sequence[Difference]) -> None:
    surplus = [one.chunk_id for one in differences if one.problem == "surplus"]
    missing = [one.chunk_id for one in differences if one.problem == "missing"]
    await asyncio.to_thread(index.state.add_orphans, index.key, surplus, tenant=index.tenant)
    await asyncio.to_thread(index.state.demand, index.key, missing)


async def drop_orphans(index: Index, *, context: Context) -> None:
    """Takes out of the indexes what is gone from the state."""
    ids = await asyncio.to_thread(index.state.orphans, index.key, tenant=index.tenant)
    if ids:
        await delete(ids, store=index.store, lexical=index.lexical, context=context)
        await asyncio.to_thread(index.state.forget_orphans, index.key, ids, tenant=index.tenant)


async def forget(index: Index, uri: str, *, context: Context) -> int:
    """Removes a document with all that lies inside it, its vectors in the cache too; returns how many documents."""
    documents = await asyncio.to_thread(index.state.named, index.key, uri, tenant=index.tenant)
    texts: list[str] = []
    for one in documents:
        chunks = await asyncio.to_thread(index.state.chunks_of, index.key, one.id, tenant=index.tenant)
        texts += [chunk.embedded for chunk in chunks]
    await index.embedder.forget(texts)
    if index.situator is not None:
        await index.situator.forget([one.id for one in documents])
    parts.forget()
    await asyncio.to_thread(index.state.remove, index.key, [one.id for one in documents], tenant=index.tenant)
    await drop_orphans(index, context=context)
    return len(documents)


async def complete(index: Index, *, context: Context) -> Completed:
    """Brings every document that is not live into the indexes, from its chunks in the state.

    One that was made by other parts is left: the ingestion does it again. Where only permissions changed, the vectors
    that the store holds are written again as they are, and nothing is embedded.
    """
    done = Completed()
    rows = await asyncio.to_thread(index.state.pending, index.key, tenant=index.tenant)
    waiting: list[tuple[ManifestRow, list[Chunk]]] = []
    size = 0
    for row in rows:
        if not _fits(index, row):
            continue
        chunks = await asyncio.to_thread(index.state.chunks_of, index.key, row.id, tenant=index.tenant)
        waiting.append((row, chunks))
        size += len(chunks)
        if size >= BATCH:
            await _complete(index, waiting, done, context)
            waiting, size = [], 0
    await _complete(index, waiting, done, context)
    return done


def _fits(index: Index, row: ManifestRow) -> bool:
    if row.state == "relabelled":
        return row.fingerprint.startswith(f"{index.embedder.fingerprint}/")
    return row.fingerprint == index.fingerprint


async def _complete(
    index: Index, waiting: Sequence[tuple[ManifestRow, list[Chunk]]], done: Completed, context: Context
) -> None:
    if not waiting:
        return
    relabelled = [chunk.id for row, chunks in waiting if row.state == "relabelled" for chunk in chunks]
    held: Mapping[str, Vector] = {}
    if relabelled:
        with suppress(RagstoneError):  # then they are embedded again
            held = await index.store.vectors(relabelled, context=context)
    chunks = [chunk for _, part in waiting for chunk in part]
    records = [Record(chunk, held[chunk.id]) for chunk in chunks if chunk.id in held]
    unknown = [chunk for chunk in chunks if chunk.id not in held]
    if unknown:
        await index.load_embedder()
        made, new = await embed(unknown, [None] * len(unknown), embedder=index.embedder, context=context)
        records += made
        done.embedded += new
    entries = await asyncio.to_thread(lambda: [entry(chunk) for chunk in chunks])
    await write(records, entries, store=index.store, lexical=index.lexical, context=context)
    await asyncio.to_thread(index.state.settle, index.key, [row.id for row, _ in waiting])
    done.states.update(row.state for row, _ in waiting)
