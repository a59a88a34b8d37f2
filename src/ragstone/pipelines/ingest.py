"""From sources to an index, exactly once: plan, parse, split, embed, write, each stage ahead of the next.

A batch is first written to `project.db` as pending, then to the indexes, then marked live. A run that is cut short at
any point leaves pending documents and orphaned chunks, and the next run does exactly those again.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace

from ragstone.errors import ParseError, RagstoneError, SourceError, UsageError
from ragstone.ingestion.embed import embed
from ragstone.ingestion.load import load
from ragstone.ingestion.manifest import Plan, compare, same_content
from ragstone.ingestion.parse import parse
from ragstone.ingestion.split import split
from ragstone.ingestion.write import delete, entry, write
from ragstone.pipelines.ahead import ahead, mapped
from ragstone.pipelines.index import Index
from ragstone.protocols import Source
from ragstone.state.sqlite import ManifestRow
from ragstone.text.language import detect
from ragstone.types import Chunk, Context, Document, Entry, Failure, IngestReport, Item, Progress, Record

__all__ = ["IngestPipeline"]

BATCH = 256  # chunks in one write: enough for the fixed costs of a commit, few enough to lose little
READERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A document that is ready to be embedded."""

    item: Item
    document: Document
    language: str
    chunks: Sequence[Chunk]
    ids: Sequence[Sequence[int] | None]
    entries: Sequence[Entry]


@dataclass(slots=True)
class _Run:
    """What one run has counted."""

    total: int = 0
    known: dict[str, ManifestRow] = field(default_factory=dict[str, ManifestRow])
    added: set[str] = field(default_factory=set[str])
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("added", "changed", "unchanged", "removed"), 0)
    )
    embedded: int = 0
    done: int = 0
    failed: list[Failure] = field(default_factory=list[Failure])
    warnings: list[Failure] = field(default_factory=list[Failure])


class IngestPipeline:
    """Brings an index up to date with its sources."""

    def __init__(self, index: Index, sources: Sequence[Source]) -> None:
        self.index, self.sources = index, sources

    async def run(
        self,
        *,
        context: Context,
        allow_empty: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Ingests what is new or changed, removes what is gone, and leaves the rest alone.

        Raises SourceError when no source can be listed. A document that cannot be read is in the report's `failed`.
        """
        index, run = self.index, _Run()
        if not self.sources:
            raise UsageError("there is nothing to ingest", where="ingest", expected="at least one source or folder")
        async with index.writing():
            await index.load()
            await self._drop_orphans(context)
            await self._notice_loss(context)
            plans = await self._plans(run, allow_empty=allow_empty, context=context)
            begun = time.perf_counter()
            for source, plan in plans:
                await self._apply(source, plan, run, progress=progress, context=context)
            await index.flush()
            seconds = time.perf_counter() - begun
            counts = await asyncio.to_thread(index.state.counts, index.name, tenant=index.tenant)
        return IngestReport(
            **run.counts,
            chunks=counts["chunks"],
            embedded=run.embedded,
            seconds=seconds,
            failed=tuple(run.failed),
            warnings=tuple(run.warnings),
        )

    # ── The plan ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _plans(self, run: _Run, *, allow_empty: bool, context: Context) -> list[tuple[Source, Plan]]:
        index, plans = self.index, list[tuple[Source, Plan]]()
        problems: list[SourceError] = []
        for source in self.sources:
            known = await asyncio.to_thread(index.state.manifest, index.name, tenant=index.tenant, source=source.name)
            try:
                listing = await load(source, known=len(known), allow_empty=allow_empty, context=context)
            except SourceError as error:
                problems.append(error)
                run.failed.append(Failure(source.name, str(error)))
                continue
            if listing.error is not None:
                run.failed.append(_failure(source.name, listing.error))
            complete = listing.error is None
            plan = compare(listing.items, known, fingerprint=index.fingerprint, complete=complete)
            plans.append((source, plan))
            run.known.update({row.id: row for row in known.values()})
            run.total += len(plan.added) + len(plan.changed)
        if problems and not plans:
            raise problems[0]
        await self._remove_dropped_sources(run)
        return plans

    async def _remove_dropped_sources(self, run: _Run) -> None:
        """A source that the pipeline no longer names takes its documents with it."""
        index, names = self.index, {source.name for source in self.sources}
        for name in await asyncio.to_thread(index.state.sources, index.name, tenant=index.tenant):
            if name not in names:
                rows = await asyncio.to_thread(index.state.manifest, index.name, tenant=index.tenant, source=name)
                ids = [row.id for row in rows.values()]
                await asyncio.to_thread(index.state.remove, index.name, ids, tenant=index.tenant)
                run.counts["removed"] += len(ids)

    # ── One source ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _apply(
        self,
        source: Source,
        plan: Plan,
        run: _Run,
        *,
        progress: Callable[[Progress], None] | None,
        context: Context,
    ) -> None:
        index = self.index
        run.counts["unchanged"] += plan.unchanged
        run.added = {item.uri for item in plan.added}
        for document_id, acl in plan.relabelled:
            await asyncio.to_thread(index.state.set_acl, index.name, document_id, acl)
        await asyncio.to_thread(index.state.remove, index.name, plan.removed, tenant=index.tenant)
        run.counts["removed"] += len(plan.removed)
        await self._drop_orphans(context)
        if progress:
            progress(Progress(run.done, run.total, run.embedded))
        prepared = self._prepared(source, [*plan.added, *plan.changed], run, context)
        async for batch in ahead(self._embedded(ahead(_batches(prepared)), context)):
            await self._write(batch, run, context)
            if progress:
                progress(Progress(run.done, run.total, run.embedded))
        if progress:
            progress(Progress(run.done, run.total, run.embedded))
        listed = {failure.uri for failure in run.failed}
        stale = await asyncio.to_thread(index.state.failures, index.name, tenant=index.tenant, source=source.name)
        gone = [failure.uri for failure in stale if failure.uri not in listed]
        await asyncio.to_thread(index.state.forget_failures, index.name, gone, tenant=index.tenant, source=source.name)

    async def _prepared(
        self, source: Source, items: Sequence[Item], run: _Run, context: Context
    ) -> AsyncGenerator[_Prepared]:
        async def prepare(item: Item) -> _Prepared | Failure | None:
            try:
                document = await parse(item, source=source.name, tenant=self.index.tenant, context=context)
                if same_content(run.known.get(document.id), document, fingerprint=self.index.fingerprint):
                    await asyncio.to_thread(self.index.state.touch, self.index.name, document.id, item.version)
                    return None
                return await asyncio.to_thread(self._cut, item, document)
            except ParseError as error:
                return _failure(item.uri, error)
            except RagstoneError:
                raise  # the state or the disk: no fault of this document
            except Exception as error:  # one odd document never stops the others
                return Failure(item.uri, f"cannot be split: {type(error).__name__}: {error}")

        async for result in mapped(items, prepare, at_once=READERS):
            if result is None:
                run.counts["unchanged"] += 1
                run.done += 1
            elif isinstance(result, Failure):
                run.failed.append(result)
                run.done += 1
                await asyncio.to_thread(
                    self.index.state.fail, self.index.name, result, tenant=self.index.tenant, source=source.name
                )
            else:
                run.warnings.extend(Failure(result.document.uri, warning) for warning in result.document.warnings)
                yield result

    def _cut(self, item: Item, document: Document) -> _Prepared:
        language = detect(document.text)
        facts = {"source": document.source, "uri": document.uri, "media_type": document.media_type, "lang": language}
        document = replace(document, metadata={**document.metadata, **facts})
        pieces = split(document, self.index.splitter)
        entries = [entry(chunk, language=language) for chunk, _ in pieces]
        return _Prepared(item, document, language, [c for c, _ in pieces], [ids for _, ids in pieces], entries)

    async def _embedded(
        self, batches: AsyncGenerator[list[_Prepared]], context: Context
    ) -> AsyncGenerator[tuple[list[_Prepared], list[Record]]]:
        async for batch in batches:
            chunks = [chunk for prepared in batch for chunk in prepared.chunks]
            ids = [part for prepared in batch for part in prepared.ids]
            yield batch, await embed(chunks, ids, embedder=self.index.embedder, context=context)

    async def _write(self, batch: tuple[list[_Prepared], list[Record]], run: _Run, context: Context) -> None:
        index, (prepared, records) = self.index, batch
        rows = [(one.document, one.item.version, one.language, one.chunks) for one in prepared]
        await asyncio.to_thread(index.state.begin, index.name, rows, tenant=index.tenant, fingerprint=index.fingerprint)
        entries = [entry for one in prepared for entry in one.entries]
        await write(records, entries, store=index.store, lexical=index.lexical, context=context)
        await self._drop_orphans(context)
        await asyncio.to_thread(index.state.settle, index.name, [one.document.id for one in prepared])
        for one in prepared:
            run.counts["added" if one.item.uri in run.added else "changed"] += 1
        run.embedded += len(records)
        run.done += len(prepared)

    async def _notice_loss(self, context: Context) -> None:
        """An index that holds less than it should (its folder was deleted, say) is filled again from the sources."""
        index = self.index
        live = await asyncio.to_thread(index.state.live_chunks, index.name, tenant=index.tenant)
        held = min(await index.store.count(context=context), await index.lexical.count(context=context))
        if held < live:
            with context.trace.step("ingest.loss", held=held, expected=live):
                await asyncio.to_thread(index.state.forget_versions, index.name, tenant=index.tenant)

    async def _drop_orphans(self, context: Context) -> None:
        index = self.index
        ids = await asyncio.to_thread(index.state.orphans, index.name, tenant=index.tenant)
        if ids:
            await delete(ids, store=index.store, lexical=index.lexical, context=context)
            await asyncio.to_thread(index.state.forget_orphans, index.name, ids, tenant=index.tenant)


def _failure(uri: str, error: RagstoneError) -> Failure:
    """Why something failed, without the place, where that is what failed."""
    return Failure(error.where or uri, str(error).removeprefix(f"{error.where}: "))


async def _batches(prepared: AsyncGenerator[_Prepared]) -> AsyncGenerator[list[_Prepared]]:
    """Documents in groups of about `BATCH` chunks; one document is never divided."""
    batch: list[_Prepared] = []
    async for one in prepared:
        batch.append(one)
        if sum(len(each.chunks) for each in batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
