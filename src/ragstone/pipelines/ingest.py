"""From sources to an index, exactly once: plan, parse, split, embed, write, each stage ahead of the next.

A batch is first written to `project.db` as pending, then to the indexes, then marked live. A run that is cut short at
any point leaves pending documents and orphaned chunks, and the next run completes exactly those (upkeep.py).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ragstone.errors import SourceError, UsageError
from ragstone.ingestion.embed import embed
from ragstone.ingestion.load import load
from ragstone.ingestion.manifest import Plan, below, compare
from ragstone.ingestion.write import entry, write
from ragstone.labels import trust_of
from ragstone.pipelines import upkeep
from ragstone.pipelines.ahead import gathered, mapped
from ragstone.pipelines.index import Index
from ragstone.pipelines.prepare import Prepared, Preparing, Run, failure_of
from ragstone.protocols import Source
from ragstone.reports import Failure, IngestPlan, IngestReport, Progress
from ragstone.types import Chunk, Context, Entry, Item, Record

__all__ = ["IngestPipeline"]

NO_TEXT = "no text layer"  # what the parsers say of a scan: a person should be warned of these, to have them read
BATCH = 64  # chunks that are embedded in one go at least: enough for the fixed costs
TOGETHER = (
    4  # as many such batches are embedded in one go, where parsing is faster, and so many of these written in one
)
PART = 256  # chunks of a large document that are written in one go at least
READERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class _Embedded:
    """Chunks that are ready to be written, how many were embedded anew, and the items that are whole with them."""

    records: Sequence[Record]
    entries: Sequence[Entry]
    made: int
    whole: Sequence[Prepared]


class IngestPipeline:
    """Brings an index up to date with its sources."""

    def __init__(self, index: Index, sources: Sequence[Source]) -> None:
        self.index, self.sources = index, sources

    async def run(
        self,
        *,
        context: Context,
        only: Sequence[str] = (),
        allow_empty: bool = False,
        keep_removed: bool = False,
        wait: bool = True,
        last_good: str = "",
        progress: Callable[[Progress], None] | None = None,
    ) -> IngestReport:
        """Ingests what is new or changed, removes what is gone, and leaves the rest alone.

        With `only`, nothing but these uris and what lies below them is looked at. Raises SourceError when no source can
        be listed, IndexBusy when another process writes and this one may not `wait`. A document that cannot be read is
        in the report's `failed`; where the state holds it under the key `last_good`, it is made of that.
        """
        index, run = self.index, Run(progress=progress, last_good=last_good)
        async with index.writing(wait=wait, waiting=run.wait_for):
            await asyncio.gather(index.load(), self._start_readers())
            completed = await upkeep.mend(index, context=context)
            plans = await self._plans(run, only=only, allow_empty=allow_empty, context=context)
            begun = time.perf_counter()
            run.embedded = completed.embedded
            async with self._preparing(run):
                if not only:
                    await self._remove_dropped_sources(run)
                for source, plan in plans:
                    kept = plan if not keep_removed else replace(plan, removed=())
                    await self._apply(source, kept, run, only, context)
            with run.timed("store"):
                await index.flush()
            with context.trace.step("ingest.spent", **{stage: round(run.spent[stage], 4) for stage in run.spent}):
                pass  # a step that only says where the time went
            seconds = time.perf_counter() - begun
            counts = await asyncio.to_thread(index.state.counts, index.key, tenant=index.tenant)
        for state, name in (("new", "added"), ("changed", "changed")):  # these stand among the unchanged
            run.counts[name] += completed.states[state]
            run.counts["unchanged"] -= completed.states[state]
        return IngestReport(
            trace_id=context.trace.id,
            added=run.counts["added"],
            changed=run.counts["changed"],
            unchanged=max(0, run.counts["unchanged"]),
            removed=run.counts["removed"],
            chunks=counts["chunks"],
            embedded=run.embedded,
            seconds=seconds,
            failed=_sorted(run.failed),
            warnings=_sorted(run.warnings),
            flagged=tuple(sorted(run.flagged, key=lambda one: (one.uri, one.start))),
        )

    async def plan(self, *, context: Context, only: Sequence[str] = (), allow_empty: bool = False) -> IngestPlan:
        """What `run` would do, and what it would embed: everything is read and split, and nothing is written."""
        run, tokens, count = Run(), 0, 0
        await self.index.load_embedder()
        plans = await self._plans(run, only=only, allow_empty=allow_empty, context=context)
        seen: set[str] = set()
        for source, plan in plans:
            async for prepared in self._prepared(source, [*plan.added, *plan.changed], run, context, dry=True):
                chunks, ids = _chunks([prepared])
                texts = [chunk.embedded for chunk in chunks]
                known = await self.index.embedder.known(texts, context=context)
                for text, part, kept in zip(texts, ids, known, strict=True):
                    if not kept and text not in seen:
                        seen.add(text)
                        count += 1
                        tokens += len(part) if part is not None else len(self.index.embedder.tokens(text)[0])
        failed = {failure.uri for failure in run.failed}
        return IngestPlan(
            added=tuple(item.uri for _, plan in plans for item in plan.added if item.uri not in failed),
            changed=tuple(item.uri for _, plan in plans for item in plan.changed if item.uri not in failed),
            removed=tuple(row.uri for _, plan in plans for row in plan.removed),
            relabelled=tuple(row.uri for _, plan in plans for row, _ in plan.relabelled),
            unchanged=sum(plan.unchanged for _, plan in plans),
            chunks=count,
            tokens=tokens,
            cost=tokens * self.index.embedder.price / 1_000_000,
            failed=_sorted(run.failed),
        )

    async def _start_readers(self) -> None:
        """As many as can work at once where nothing was ingested yet; later, a first one."""
        known = await asyncio.to_thread(self.index.state.sources, self.index.key, tenant=self.index.tenant)
        await asyncio.to_thread(self.index.reader.start, 1 if known else READERS)

    @asynccontextmanager
    async def _preparing(self, run: Run) -> AsyncGenerator[None]:
        """Lets the store prepare itself meanwhile, where there is something to write. What fails fails with a write."""
        if not run.total:
            yield
            return
        task = asyncio.create_task(self.index.store.prepare(self.index.embedder.dimensions))
        try:
            yield
        finally:
            await asyncio.gather(task, return_exceptions=True)

    # ── The plan ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _plans(
        self, run: Run, *, only: Sequence[str], allow_empty: bool, context: Context
    ) -> list[tuple[Source, Plan]]:
        if not self.sources:
            raise UsageError("there is nothing to ingest", where="ingest", expected="at least one source or folder")
        index, plans = self.index, list[tuple[Source, Plan]]()
        problems: list[SourceError] = []
        forgotten = await asyncio.to_thread(index.state.forgotten, tenant=index.tenant)
        for source in self.sources:
            known = await asyncio.to_thread(index.state.manifest, index.key, tenant=index.tenant, source=source.name)
            try:
                versions = {uri: row.version for uri, row in known.items()}
                may_be_empty = allow_empty or bool(only)
                listing = await load(source, known=versions, allow_empty=may_be_empty, context=context)
            except SourceError as error:
                problems.append(error)
                run.failed.append(Failure(source.name, str(error)))
                continue
            if listing.error is not None:
                run.failed.append(failure_of(source.name, listing.error))
            if listing.presuming:
                run.warnings.append(_presuming(source.name, listing.presuming))
            plan = compare(
                listing.items,
                known,
                fingerprint=index.fingerprint,
                complete=listing.error is None,
                forgotten=forgotten,
                only=only,
                judged=index.admission is not None,
            )
            plans.append((source, plan))
            run.known.update({row.id: row for row in known.values()})
            run.total += len(plan.added) + len(plan.changed)
        if problems and not plans:
            raise problems[0]
        self._demand_something(only, plans)
        return plans

    def _demand_something(self, only: Sequence[str], plans: Sequence[tuple[Source, Plan]]) -> None:
        found = sum(len(plan.added) + len(plan.changed) + plan.unchanged + len(plan.removed) for _, plan in plans)
        if only and not found:
            raise UsageError(
                "no source lists it",
                where=only[0],
                expected="a file or folder below one of: " + ", ".join(source.name for source in self.sources),
                hint="A source's `path`, `include` and `exclude` say what it lists.",
            )

    async def _remove_dropped_sources(self, run: Run) -> None:
        """A source that the pipeline no longer names takes its documents with it."""
        index, names = self.index, {source.name for source in self.sources}
        for name in await asyncio.to_thread(index.state.sources, index.key, tenant=index.tenant):
            if name not in names:
                rows = await asyncio.to_thread(index.state.manifest, index.key, tenant=index.tenant, source=name)
                ids = [row.id for row in rows.values()]
                await asyncio.to_thread(index.state.remove, index.key, ids, tenant=index.tenant)
                run.counts["removed"] += sum(not row.parent for row in rows.values())

    # ── One source ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _apply(self, source: Source, plan: Plan, run: Run, only: Sequence[str], context: Context) -> None:
        index = self.index
        added = {item.uri for item in plan.added}
        for row, item in plan.relabelled:
            await asyncio.to_thread(index.state.relabel, index.key, row.id, item.acl, trust_of(item.metadata))
        removed = [row.id for row in plan.removed]
        await asyncio.to_thread(index.state.remove, index.key, removed, tenant=index.tenant)
        run.counts["unchanged"] += plan.unchanged
        run.counts["removed"] += sum(not row.parent for row in plan.removed)
        await upkeep.drop_orphans(index, context=context)
        if plan.relabelled:
            await upkeep.complete(index, context=context)
        run.report()
        prepared = self._prepared(source, [*plan.added, *plan.changed], run, context)
        # What was embedded while the last write went on is written in one: a commit costs as much for few as for many.
        embedded = self._embedded(gathered(_batches(prepared), most=TOGETHER), run, context)
        async for ready in gathered(embedded, most=TOGETHER):
            await self._write(ready, run, added, context)
            run.report()
        run.report()
        listed = {failure.uri for failure in run.failed}
        stale = await asyncio.to_thread(index.state.failures, index.key, tenant=index.tenant, source=source.name)
        gone = [failure.uri for failure in stale if failure.uri not in listed and below(failure.uri, only)]
        await asyncio.to_thread(index.state.forget_failures, index.key, gone, tenant=index.tenant, source=source.name)

    async def _prepared(
        self, source: Source, items: Sequence[Item], run: Run, context: Context, *, dry: bool = False
    ) -> AsyncGenerator[Prepared]:
        prepare = Preparing(self.index, source.name, run, context, dry=dry)
        async for result in mapped(items, prepare, at_once=READERS):
            if result is None:
                run.counts["unchanged"] += 1
                run.done += 1
            elif isinstance(result, Failure):
                run.done += 1
                await self._fail(result, source, run, dry=dry)
            else:
                for failure in (*result.failed, *result.refused):
                    await self._fail(failure, source, run, dry=dry)
                for part in result.parts:
                    run.warnings.extend(Failure(part.document.uri, warning) for warning in part.document.warnings)
                    run.flagged.extend(part.flagged)
                yield result

    async def _fail(self, failure: Failure, source: Source, run: Run, *, dry: bool) -> None:
        run.failed.append(failure)
        if NO_TEXT in failure.reason:
            run.warnings.append(failure)
        if not dry:
            state, index = self.index.state, self.index
            await asyncio.to_thread(state.fail, index.key, failure, tenant=index.tenant, source=source.name)

    async def _embedded(
        self, batches: AsyncGenerator[list[list[Prepared]]], run: Run, context: Context
    ) -> AsyncGenerator[_Embedded]:
        """What is pending in the state from now on. A large document comes in parts, so that writing need not wait."""
        async for ready in batches:
            batch = [one for some in ready for one in some]
            chunks, ids = _chunks(batch)
            for first in range(0, max(1, len(chunks)), PART):
                part = chunks[first : first + PART]
                with run.timed("embed"):
                    (records, made), entries = await asyncio.gather(
                        embed(part, ids[first : first + PART], embedder=self.index.embedder, context=context),
                        asyncio.to_thread(_entries, part),
                    )
                if first == 0:
                    await self._begin(batch, run, context)
                yield _Embedded(records, entries, made, batch if first + PART >= len(chunks) else ())

    async def _begin(self, batch: Sequence[Prepared], run: Run, context: Context) -> None:
        index, parts = self.index, [part for one in batch for part in one.parts]
        rows = [(part.document, part.version, part.language, part.chunks) for part in parts]
        with run.timed("manifest"):
            await asyncio.to_thread(
                index.state.begin,
                index.key,
                rows,
                tenant=index.tenant,
                fingerprint=index.fingerprint,
                removed=_vanished(batch, run),
                flagged={part.document.id: part.flagged for part in parts if part.flagged},
                ingestion=context.trace.id,
            )

    async def _write(self, embedded: Sequence[_Embedded], run: Run, added: set[str], context: Context) -> None:
        index = self.index
        records = [record for one in embedded for record in one.records]
        entries = [entry for one in embedded for entry in one.entries]
        whole = [item for one in embedded for item in one.whole]
        with run.timed("store"):
            await write(records, entries, store=index.store, lexical=index.lexical, context=context)
            await upkeep.drop_orphans(index, context=context)
        with run.timed("manifest"):
            ids = [part.document.id for item in whole for part in item.parts]
            await asyncio.to_thread(index.state.settle, index.key, ids)
        for one in whole:
            if one.gone:
                run.counts["removed"] += one.gone in run.known
            else:
                run.counts["added" if one.item.uri in added else "changed"] += 1
        run.embedded += sum(one.made for one in embedded)
        run.done += len(whole)


def _entries(chunks: Sequence[Chunk]) -> list[Entry]:
    return [entry(chunk) for chunk in chunks]


def _vanished(prepared: Sequence[Prepared], run: Run) -> list[str]:
    """Known documents that no longer lie inside their file, and those that a check has refused.

    One in there that failed keeps its last good version.
    """
    there = {part.document.id for one in prepared for part in one.parts}
    failed = {failure.uri for one in prepared for failure in one.failed}
    files = {one.item.uri for one in prepared}
    refused = [one.gone for one in prepared if one.gone in run.known]
    return refused + [
        row.id for row in run.known.values() if row.parent in files and row.id not in there and row.uri not in failed
    ]


def _presuming(source: str, uris: Sequence[str]) -> Failure:
    others = f" and {len(uris) - 1} more say" if len(uris) > 1 else " says"
    said = f"{uris[0]}{others} in the metadata how far to trust it, which does not count: the source's `trust` does"
    return Failure(source, said)


def _chunks(prepared: Sequence[Prepared]) -> tuple[list[Chunk], list[Sequence[int] | None]]:
    """All chunks, and their token ids."""
    parts = [part for one in prepared for part in one.parts]
    return [chunk for part in parts for chunk in part.chunks], [ids for part in parts for ids in part.ids]


def _sorted(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """As they are shown: which file is ready first differs from run to run."""
    return tuple(sorted(failures, key=lambda failure: failure.uri))


async def _batches(prepared: AsyncGenerator[Prepared]) -> AsyncGenerator[list[Prepared]]:
    """Items in groups of about `BATCH` chunks; one item is never divided."""
    batch, size = list[Prepared](), 0
    async for one in prepared:
        batch.append(one)
        size += one.size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
