"""Ingestion converges: wherever a run is cut short, the next one ends with the same index."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ragstone.errors import SourceEmpty, SourceUnavailable, StorageFull
from ragstone.ingestion.splitters.tokens import TokenSplitter
from ragstone.pipelines.index import Index
from ragstone.pipelines.ingest import IngestPipeline
from ragstone.protocols import NO_VERSIONS, Source, Versions
from ragstone.reports import Failure
from ragstone.state.sqlite import ProjectState
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemorySource, MemoryStore
from ragstone.types import Context, Entry, Item, Record

FILES = {
    "a.md": b"# Halibut\n\nThe halibut project ships on 3 May 2031.",
    "b.md": b"# Turbot\n\nThe turbot project has no date.\n\n## Budget\n\nThree million.",
    "c.txt": b"Plain words about plaice.",
}


class Broken(Exception):
    """A fault that a test injects."""


def index(**parts: Any) -> Index:
    embedder = parts.pop("embedder", None) or HashingEmbedder()
    return Index(
        name="ingest",
        tenant="default",
        state=parts.pop("state", None) or ProjectState(None),
        splitter=parts.pop("splitter", None) or TokenSplitter(embedder=embedder, size=40),
        embedder=embedder,
        store=parts.pop("store", None) or MemoryStore(),
        lexical=parts.pop("lexical", None) or MemoryLexicalIndex(),
    )


async def ingest(found: Index, files: dict[str, bytes], **options: Any):
    source = MemorySource(files)
    source.name = "documents"
    return await IngestPipeline(found, [source]).run(context=Context(), **options)


async def held(found: Index) -> tuple[int, int, int, int]:
    """Documents and chunks of the state, then what each index holds."""
    counts = found.state.counts("ingest", tenant="default")
    stored = await found.store.count(context=Context())
    return counts["documents"], counts["chunks"], stored, await found.lexical.count(context=Context())


async def test_a_first_run_adds_everything_and_a_second_does_nothing():
    found = index()
    first = await ingest(found, FILES)
    assert (first.added, first.embedded, first.failed) == (3, first.chunks, ())
    again = await ingest(found, FILES)
    assert (again.added, again.changed, again.unchanged, again.removed, again.embedded) == (0, 0, 3, 0, 0)


async def test_an_edit_replaces_the_old_chunks_everywhere():
    found = index()
    await ingest(found, FILES)
    report = await ingest(found, {**FILES, "b.md": b"# Turbot\n\nThe turbot project ships soon."})
    assert (report.changed, report.unchanged) == (1, 2)
    documents, chunks, stored, indexed = await held(found)
    assert documents == 3
    assert chunks == stored == indexed == report.chunks


async def test_what_is_gone_from_the_source_is_gone_from_every_index():
    found = index()
    await ingest(found, FILES)
    report = await ingest(found, {"a.md": FILES["a.md"]})
    assert report.removed == 2
    assert await held(found) == (1, 1, 1, 1)


async def test_a_source_that_the_pipeline_no_longer_names_takes_its_documents_along():
    found = index()
    await ingest(found, FILES)
    other = MemorySource({"z.md": b"# Sole\n\nSole."})
    other.name = "other"
    report = await IngestPipeline(found, [other]).run(context=Context())
    assert (report.added, report.removed) == (1, 3)
    assert await held(found) == (1, 1, 1, 1)


async def test_an_empty_source_is_refused_unless_it_is_meant():
    found = index()
    await ingest(found, FILES)
    before = await held(found)
    with pytest.raises(SourceEmpty, match="--allow-empty"):
        await ingest(found, {})
    assert await held(found) == before
    assert (await ingest(found, {}, allow_empty=True)).removed == 3
    assert await held(found) == (0, 0, 0, 0)


class Unreachable(Source):
    """A source whose place is away."""

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        raise SourceUnavailable("the folder does not exist", where="elsewhere")
        yield


async def test_a_source_that_is_away_stops_no_other_and_loses_nothing():
    found = index()
    away, here = MemorySource({"x.md": b"# X\n\nFar."}), MemorySource(FILES)
    away.name, here.name = "away", "documents"
    await IngestPipeline(found, [away, here]).run(context=Context())
    gone = Unreachable()
    gone.name = "away"
    report = await IngestPipeline(found, [gone, here]).run(context=Context())
    assert [failure.uri for failure in report.failed] == ["away"]
    assert (report.unchanged, report.removed) == (3, 0)
    assert (await held(found))[0] == 4


class HalfReachable(MemorySource):
    """A source with one folder that may not be listed."""

    async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
        async for item in super().items(context=context, known=known):
            yield item
        raise SourceUnavailable("cannot be listed", where="documents/locked")


async def test_a_folder_that_cannot_be_listed_stops_no_other_and_removes_nothing():
    found = index()
    await ingest(found, FILES)
    source = HalfReachable({"a.md": FILES["a.md"], "n.md": b"# New\n\nNew words."})
    source.name = "documents"
    report = await IngestPipeline(found, [source]).run(context=Context())
    assert (report.added, report.unchanged, report.removed) == (1, 1, 0)
    assert report.failed == (Failure("documents/locked", "cannot be listed"),)
    assert (await held(found))[0] == 4


FAULTS = ["store.upsert", "store.delete", "lexical.upsert", "lexical.delete", "state.begin", "state.settle"]
FAULTS += ["state.remove", "state.forget_orphans", "embedder.embed"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("after", [False, True])
async def test_a_fault_at_any_write_is_mended_by_the_next_run(fault: str, after: bool, monkeypatch: pytest.MonkeyPatch):
    plain, broken = index(), index()
    edited = {"a.md": FILES["a.md"] + b" Again.", "c.txt": FILES["c.txt"], "d.md": b"# Dab\n\nNew."}
    for found in (plain, broken):
        await ingest(found, FILES)
    await ingest(plain, edited)

    room, method = fault.split(".")
    part = getattr(broken, room)
    real = getattr(part, method)

    def blocking(*args: Any, **kwargs: Any) -> Any:
        if after:
            real(*args, **kwargs)
        raise Broken

    async def waiting(*args: Any, **kwargs: Any) -> Any:
        if after:
            await real(*args, **kwargs)
        raise Broken

    with monkeypatch.context() as patch:
        patch.setattr(part, method, blocking if room == "state" else waiting)
        with pytest.raises(Broken):
            await ingest(broken, edited)
    await ingest(broken, edited)
    assert await held(broken) == await held(plain)
    assert broken.state.orphans("ingest", tenant="default") == []
    states = {row.state for row in broken.state.manifest("ingest", tenant="default", source="documents").values()}
    assert states == {"live"}


async def test_a_document_that_fails_keeps_its_last_good_version_and_is_tried_again():
    found = index()
    await ingest(found, FILES)
    report = await ingest(found, {**FILES, "a.md": b"\x89PNG\r\n\x1a\n" + bytes(99)})
    assert [failure.uri for failure in report.failed] == ["a.md"]
    assert await held(found) == (3, report.chunks, report.chunks, report.chunks)
    assert [one.uri for one in found.state.failures("ingest", tenant="default", source="documents")] == ["a.md"]
    assert (await ingest(found, FILES)).failed == ()
    assert found.state.failures("ingest", tenant="default", source="documents") == []


async def test_one_odd_document_stops_no_other():
    class Odd(TokenSplitter):
        def split(self, document: Any) -> Any:
            if document.uri == "b.md":
                raise ValueError("odd")
            return super().split(document)

    embedder = HashingEmbedder()
    report = await ingest(index(embedder=embedder, splitter=Odd(embedder=embedder, size=40)), FILES)
    assert report.added == 2
    assert report.failed == (Failure("b.md", "cannot be split: ValueError: odd"),)


async def test_permissions_taken_away_count_at_once_even_when_the_file_breaks():
    class Labelled(MemorySource):
        acl: tuple[str, ...] = ("public",)
        data = FILES["a.md"]

        async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
            async for item in super().items(context=context, known=known):
                yield replace(item, acl=self.acl, version=str(len(self.data)), read=lambda: self.data)

    found, source = index(), Labelled({"a.md": FILES["a.md"]})
    source.name = "documents"
    await IngestPipeline(found, [source]).run(context=Context())
    source.acl, source.data = (), b"\x00" * 100
    report = await IngestPipeline(found, [source]).run(context=Context())
    assert report.failed
    assert found.state.facts("ingest", tenant="default").protected


async def test_nothing_slow_runs_on_the_event_loops_thread():
    loop_thread, seen = threading.get_ident(), dict[str, int]()

    class Source(MemorySource):
        async def items(self, *, context: Context, known: Versions = NO_VERSIONS) -> AsyncIterator[Item]:
            async for item in super().items(context=context, known=known):

                def read(item: Item = item) -> bytes:
                    seen["read"] = threading.get_ident()
                    return item.read()

                yield replace(item, read=read)

    class Splitter(TokenSplitter):
        def split(self, document: Any) -> Any:
            seen["split"] = threading.get_ident()
            return super().split(document)

    embedder = HashingEmbedder()
    found = index(embedder=embedder, splitter=Splitter(embedder=embedder, size=40))
    source = Source(FILES)
    source.name = "documents"
    await IngestPipeline(found, [source]).run(context=Context())
    assert set(seen) == {"read", "split"}
    assert loop_thread not in seen.values()


class Full(MemoryStore):
    """A store on a disk that is full."""

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        raise StorageFull("the disk is full", where="store")


async def test_a_full_disk_ends_the_run_and_loses_nothing(tmp_path: Path):
    state, lexical = ProjectState(tmp_path / "project.db"), MemoryLexicalIndex()
    with pytest.raises(StorageFull):
        await ingest(index(state=state, store=Full(), lexical=lexical), FILES)
    found = index(state=state, lexical=lexical)
    report = await ingest(found, FILES)
    assert (report.added, report.failed) == (3, ())
    documents, chunks, stored, indexed = await held(found)
    assert documents == 3
    assert chunks == stored == indexed
    state.close()


@pytest.mark.parametrize("lost", ["store", "lexical"])
async def test_an_index_that_was_deleted_is_filled_again(lost: str):
    found = index()
    await ingest(found, FILES)
    fresh = {"store": MemoryStore, "lexical": MemoryLexicalIndex}[lost]()
    report = await ingest(replace(found, **{lost: fresh}), FILES)
    assert report.changed == 3
    documents, chunks, stored, indexed = await held(replace(found, **{lost: fresh}))
    assert (documents, stored, indexed) == (3, chunks, chunks)


async def test_progress_counts_up_to_the_total():
    steps: list[tuple[int, int]] = []
    await ingest(index(), FILES, progress=lambda done: steps.append((done.done, done.total)))
    assert steps[-1] == (3, 3)
    assert steps == sorted(steps)


def test_entries_hold_title_and_headings():
    from ragstone.ingestion.write import entry
    from ragstone.types import Chunk, Span

    spans = (Span("heading", 0, 9, "Budgets", 1),)
    chunk = Chunk(
        id="c",
        document_id="d",
        uri="b.md",
        title="Turbot",
        text="millions.",
        start=0,
        end=9,
        line=1,
        spans=spans,
        metadata={"lang": "en"},
    )
    made: Entry = entry(chunk)
    assert list(made.terms) == ["turbot", "turbot", "budget", "million"]
