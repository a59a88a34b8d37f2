"""From sources to an index, exactly once: plan, parse, split, embed, write, each stage ahead of the next.

A batch is first written to `project.db` as pending, then to the indexes, then marked live. A run that is cut short at
any point leaves pending documents and orphaned chunks, and the next run completes exactly those (upkeep.py).
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace

from ragstone.errors import ModelError, ParseError, RagstoneError, SourceError, UsageError
from ragstone.ingestion.embed import embed
from ragstone.ingestion.load import load
from ragstone.ingestion.manifest import Plan, below, compare, same_content
from ragstone.ingestion.parse import Family, document_id, parse
from ragstone.ingestion.split import split
from ragstone.ingestion.write import entry, write
from ragstone.labels import trust_of
from ragstone.pipelines import upkeep
from ragstone.pipelines.ahead import gathered, mapped
from ragstone.pipelines.index import Index
from ragstone.protocols import Source
from ragstone.reports import Failure, IngestPlan, IngestReport, Progress
from ragstone.state.sqlite import ManifestRow
from ragstone.text.language import detect
from ragstone.types import Chunk, Context, Document, Entry, Item, Record

__all__ = ["IngestPipeline"]

NO_TEXT = "no text layer"  # what the parsers say of a scan: a person should be warned of these, to have them read
BATCH = 64  # chunks that are embedded in one go at least: enough for the fixed costs
TOGETHER = (
    4  # as many such batches are embedded in one go, where parsing is faster, and so many of these written in one
)
PART = 256  # chunks of a large document that are written in one go at least
READERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class _Cut:
    """A document that is ready to be embedded."""

    document: Document
    version: str
    language: str
    chunks: Sequence[Chunk]
    ids: Sequence[Sequence[int] | None]


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An item that is ready to be embedded, with the documents inside it, and those in there that failed."""

    item: Item
    parts: Sequence[_Cut]
    failed: Sequence[Failure]

    @property
    def size(self) -> int:
        return sum(len(part.chunks) for part in self.parts)


@dataclass(frozen=True, slots=True)
class _Embedded:
    """Chunks that are ready to be written, how many were embedded anew, and the items that are whole with them."""

    records: Sequence[Record]
    entries: Sequence[Entry]
    made: int
    whole: Sequence[_Prepared]


@dataclass(slots=True)
class _Run:
    """What one run has counted."""

    total: int = 0
    known: dict[str, ManifestRow] = field(default_factory=dict[str, ManifestRow])
    counts: Counter[str] = field(default_factory=Counter[str])
    embedded: int = 0
    done: int = 0
    failed: list[Failure] = field(default_factory=list[Failure])
    warnings: list[Failure] = field(default_factory=list[Failure])
    progress: Callable[[Progress], None] | None = None
    last_good: str = ""
    spent: dict[str, float] = field(default_factory=dict[str, float])
    splitting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @contextmanager
    def timed(self, stage: str) -> Generator[None]:
        """Adds the block's time to a stage's. Stages overlap, so their sum is more than the whole."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.spent[stage] = self.spent.get(stage, 0.0) + time.perf_counter() - begun

    def wait_for(self, holder: str) -> None:
        if self.progress:
            self.progress(Progress(0, 0, 0, holder))

    def report(self) -> None:
        if self.progress:
            self.progress(Progress(self.done, self.total, self.embedded))


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
        index, run = self.index, _Run(progress=progress, last_good=last_good)
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
            added=run.counts["added"],
            changed=run.counts["changed"],
            unchanged=max(0, run.counts["unchanged"]),
            removed=run.counts["removed"],
            chunks=counts["chunks"],
            embedded=run.embedded,
            seconds=seconds,
            failed=_sorted(run.failed),
            warnings=_sorted(run.warnings),
        )

    async def plan(self, *, context: Context, only: Sequence[str] = (), allow_empty: bool = False) -> IngestPlan:
        """What `run` would do, and what it would embed: everything is read and split, and nothing is written."""
        run, tokens, count = _Run(), 0, 0
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
    async def _preparing(self, run: _Run) -> AsyncGenerator[None]:
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
        self, run: _Run, *, only: Sequence[str], allow_empty: bool, context: Context
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
                run.failed.append(_failure(source.name, listing.error))
            if listing.presuming:
                run.warnings.append(_presuming(source.name, listing.presuming))
            plan = compare(
                listing.items,
                known,
                fingerprint=index.fingerprint,
                complete=listing.error is None,
                forgotten=forgotten,
                only=only,
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

    async def _remove_dropped_sources(self, run: _Run) -> None:
        """A source that the pipeline no longer names takes its documents with it."""
        index, names = self.index, {source.name for source in self.sources}
        for name in await asyncio.to_thread(index.state.sources, index.key, tenant=index.tenant):
            if name not in names:
                rows = await asyncio.to_thread(index.state.manifest, index.key, tenant=index.tenant, source=name)
                ids = [row.id for row in rows.values()]
                await asyncio.to_thread(index.state.remove, index.key, ids, tenant=index.tenant)
                run.counts["removed"] += sum(not row.parent for row in rows.values())

    # ── One source ───────────────────────────────────────────────────────────────────────────────────────────────────

    async def _apply(self, source: Source, plan: Plan, run: _Run, only: Sequence[str], context: Context) -> None:
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
        self, source: Source, items: Sequence[Item], run: _Run, context: Context, *, dry: bool = False
    ) -> AsyncGenerator[_Prepared]:
        async def prepare(item: Item) -> _Prepared | Failure | None:
            return await self._prepare(item, source, run, context, dry=dry)

        async for result in mapped(items, prepare, at_once=READERS):
            if result is None:
                run.counts["unchanged"] += 1
                run.done += 1
            elif isinstance(result, Failure):
                run.done += 1
                await self._fail(result, source, run, dry=dry)
            else:
                for failure in result.failed:
                    await self._fail(failure, source, run, dry=dry)
                for part in result.parts:
                    run.warnings.extend(Failure(part.document.uri, warning) for warning in part.document.warnings)
                yield result

    async def _prepare(
        self, item: Item, source: Source, run: _Run, context: Context, *, dry: bool
    ) -> _Prepared | Failure | None:
        """An item that is ready to be embedded, why it is not, or None where its content is what it was."""
        index = self.index
        try:
            family = await self._family(item, source, run, context)
            row = run.known.get(family.document.id)
            if not family.failed and same_content(row, family.document, fingerprint=index.fingerprint):
                if not dry:
                    await asyncio.to_thread(index.state.touch, index.key, family.document.id, item.version)
                return None
            async with run.splitting:  # threads that compute in Python only get in each other's way
                prepared = await asyncio.to_thread(self._cut, item, family, run)
            return prepared if dry else await self._situated(prepared, context)
        except ParseError as error:
            return _failure(item.uri, error)
        except ModelError as error:
            return Failure(item.uri, f"no sentence could be made of where its chunks stand: {error}")
        except RagstoneError:
            raise  # the state or the disk: no fault of this document
        except Exception as error:  # one odd document never stops the others
            return Failure(item.uri, f"cannot be split: {type(error).__name__}: {error}")

    async def _family(self, item: Item, source: Source, run: _Run, context: Context) -> Family:
        """The item's documents: read and parsed, or from the state where only what cuts or embeds them has changed."""
        row = run.known.get(document_id(self.index.tenant, source.name, item.uri))
        if row is not None and row.version == item.version and row.fingerprint.endswith(f"/{self.index.parsed_by}"):
            found = await asyncio.to_thread(self.index.state.named, self.index.key, item.uri, tenant=self.index.tenant)
            return Family(found[0], tuple(found[1:]))
        try:
            with run.timed("parse"):
                return await parse(
                    item, source=source.name, tenant=self.index.tenant, workers=self.index.reader, context=context
                )
        except ParseError as error:
            index = self.index
            kept = await asyncio.to_thread(index.state.named, run.last_good, item.uri, tenant=index.tenant)
            if not kept:
                raise
            return Family(kept[0], tuple(kept[1:]), (_failure(item.uri, error),))

    async def _fail(self, failure: Failure, source: Source, run: _Run, *, dry: bool) -> None:
        run.failed.append(failure)
        if NO_TEXT in failure.reason:
            run.warnings.append(failure)
        if not dry:
            state, index = self.index.state, self.index
            await asyncio.to_thread(state.fail, index.key, failure, tenant=index.tenant, source=source.name)

    def _cut(self, item: Item, family: Family, run: _Run) -> _Prepared:
        # Without a version the item is read again next time: something in it failed.
        version = "" if family.failed else item.version
        before = self.index.splitter.tokenising
        with run.timed("split"):
            documents = (family.document, *family.children)
            parts = [self._cut_one(document, version, family.languages.get(document.id)) for document in documents]
        tokenising = self.index.splitter.tokenising - before
        run.spent["split"] -= tokenising
        run.spent["tokenise"] = run.spent.get("tokenise", 0.0) + tokenising
        return _Prepared(item, parts, family.failed)

    def _cut_one(self, document: Document, version: str, language: str | None) -> _Cut:
        language = language or detect(document.text)
        facts = {"source": document.source, "uri": document.uri, "media_type": document.media_type, "lang": language}
        document = replace(document, metadata={**document.metadata, **facts})
        pieces = split(document, self.index.splitter)
        return _Cut(document, version, language, [c for c, _ in pieces], [ids for _, ids in pieces])

    async def _situated(self, prepared: _Prepared, context: Context) -> _Prepared:
        """With a model's sentence before each chunk, where the pipeline asks for that."""
        if self.index.situator is None:
            return prepared
        parts: list[_Cut] = []
        for part in prepared.parts:
            chunks = await self.index.situator(part.chunks, part.document, context=context)
            parts.append(replace(part, chunks=chunks, ids=[None] * len(chunks)))
        return replace(prepared, parts=parts)

    async def _embedded(
        self, batches: AsyncGenerator[list[list[_Prepared]]], run: _Run, context: Context
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
                    await self._begin(batch, run)
                yield _Embedded(records, entries, made, batch if first + PART >= len(chunks) else ())

    async def _begin(self, batch: Sequence[_Prepared], run: _Run) -> None:
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
            )

    async def _write(self, embedded: Sequence[_Embedded], run: _Run, added: set[str], context: Context) -> None:
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
            run.counts["added" if one.item.uri in added else "changed"] += 1
        run.embedded += sum(one.made for one in embedded)
        run.done += len(whole)


def _entries(chunks: Sequence[Chunk]) -> list[Entry]:
    return [entry(chunk) for chunk in chunks]


def _vanished(prepared: Sequence[_Prepared], run: _Run) -> list[str]:
    """Known documents that no longer lie inside their file; one in there that failed keeps its last good version."""
    there = {part.document.id for one in prepared for part in one.parts}
    failed = {failure.uri for one in prepared for failure in one.failed}
    files = {one.item.uri for one in prepared}
    return [
        row.id for row in run.known.values() if row.parent in files and row.id not in there and row.uri not in failed
    ]


def _presuming(source: str, uris: Sequence[str]) -> Failure:
    others = f" and {len(uris) - 1} more say" if len(uris) > 1 else " says"
    said = f"{uris[0]}{others} in the metadata how far to trust it, which does not count: the source's `trust` does"
    return Failure(source, said)


def _chunks(prepared: Sequence[_Prepared]) -> tuple[list[Chunk], list[Sequence[int] | None]]:
    """All chunks, and their token ids."""
    parts = [part for one in prepared for part in one.parts]
    return [chunk for part in parts for chunk in part.chunks], [ids for part in parts for ids in part.ids]


def _sorted(failures: Sequence[Failure]) -> tuple[Failure, ...]:
    """As they are shown: which file is ready first differs from run to run."""
    return tuple(sorted(failures, key=lambda failure: failure.uri))


def _failure(uri: str, error: RagstoneError) -> Failure:
    """Why something failed, without the place, where that is what failed."""
    return Failure(error.where or uri, str(error).removeprefix(f"{error.where}: "))


async def _batches(prepared: AsyncGenerator[_Prepared]) -> AsyncGenerator[list[_Prepared]]:
    """Items in groups of about `BATCH` chunks; one item is never divided."""
    batch, size = list[_Prepared](), 0
    async for one in prepared:
        batch.append(one)
        size += one.size
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
