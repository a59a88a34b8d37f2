"""Edits of a project's files while it is open: what they say counts, what is wrong in them does not."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

import ragstone
from ragstone.assembly import reading
from ragstone.cli.init import Default, write
from ragstone.errors import ConfigError
from ragstone.pipelines.build import Builder
from ragstone.project import Project

SHIPS = "When does the halibut project ship?"


@pytest.fixture(scope="module")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    write(folder, model=Default.extractive)
    for number in range(4):
        text = f"# Halibut {number}\n\nIt ships on {number + 1} May 2031.\n"
        (folder / "documents" / f"{number}.md").write_text(text)
    with ragstone.open(folder) as rag:
        rag.ingest()
    return folder


@pytest.fixture
def project(ingested: Path) -> Path:
    """The same, with its pipeline as it was."""
    pipeline = ingested / "pipelines" / "answer.yaml"
    kept = pipeline.parent / "answer.kept"
    if not kept.exists():
        kept.write_bytes(pipeline.read_bytes())
    pipeline.write_bytes(kept.read_bytes())
    (ingested / "connectors" / "second.yaml").unlink(missing_ok=True)
    return ingested


def narrowed(project: Path) -> None:
    """Has the pipeline find one passage in place of eight."""
    pipeline = project / "pipelines" / "answer.yaml"
    text = pipeline.read_text()
    assert "k: 8" in text
    pipeline.write_text(text.replace("k: 8", "k: 1"))


async def test_an_edit_counts_from_then_on(project: Path):
    async with ragstone.aopen(project) as rag:
        assert len(await rag.search(SHIPS)) == 4
        narrowed(project)
        assert len(await rag.search(SHIPS)) == 4, "it was read again without being told"
        assert await rag.refresh()
        assert len(await rag.search(SHIPS)) == 1
        assert not await rag.refresh(), "nothing was edited since"


def test_the_blocking_face_reads_them_again_too(project: Path):
    with ragstone.open(project) as rag:
        assert len(rag.search(SHIPS)) == 4
        narrowed(project)
        assert rag.refresh()
        assert len(rag.search(SHIPS)) == 1


async def test_a_file_that_is_written_again_as_it_was_changes_nothing(project: Path):
    async with ragstone.aopen(project) as rag:
        before = await asyncio.to_thread(rag._parts.answer, tenant="default")  # pyright: ignore[reportPrivateUsage]
        pipeline = project / "pipelines" / "answer.yaml"
        pipeline.write_bytes(pipeline.read_bytes() + b"\n")
        assert not await rag.refresh()
        after = await asyncio.to_thread(rag._parts.answer, tenant="default")  # pyright: ignore[reportPrivateUsage]
        assert after is before


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("pipelines/answer.yaml", "index: ingest\nprompt: answer\nrote: {models: [extractive]}\n"),
        ("pipelines/answer.yaml", "index: [\n"),
        ("pipelines/answer.yaml", ""),
        ("connectors/second.yaml", "kind: model\ntype: unheard_of\n"),
        ("connectors/second.yaml", "\x00"),
    ],
)
async def test_files_that_are_wrong_do_not_count(project: Path, file: str, text: str):
    async with ragstone.aopen(project) as rag:
        assert len(await rag.search(SHIPS)) == 4
        (project / file).write_text(text)
        for _ in range(2):
            with pytest.raises(ConfigError) as failed:
                await rag.refresh()
            assert file in str(failed.value.where)
        assert len(await rag.search(SHIPS)) == 4
        (project / "connectors" / "second.yaml").unlink(missing_ok=True)
        (project / "pipelines" / "answer.yaml").write_bytes((project / "pipelines" / "answer.kept").read_bytes())
        narrowed(project)
        assert await rag.refresh()
        assert len(await rag.search(SHIPS)) == 1


async def test_a_file_that_is_being_written_counts_when_it_is_whole(project: Path, monkeypatch: pytest.MonkeyPatch):
    checked = Project.faults

    def torn(self: Project) -> Iterator[ConfigError]:
        monkeypatch.setattr(Project, "faults", checked)
        (project / "connectors" / "second.yaml").write_text("kind: model\ntype: extractive\nembedder: minilm\n")
        yield from checked(self)

    async with ragstone.aopen(project) as rag:
        assert len(await rag.search(SHIPS)) == 4
        monkeypatch.setattr(Project, "faults", torn)
        narrowed(project)
        assert not await rag.refresh()
        assert len(await rag.search(SHIPS)) == 4
        assert await rag.refresh()
        assert len(await rag.search(SHIPS)) == 1


async def test_a_new_pipeline_can_be_asked(project: Path):
    async with ragstone.aopen(project) as rag:
        assert "brief" not in await rag.routes()
        brief = project / "pipelines" / "brief.yaml"
        brief.write_text((project / "pipelines" / "answer.yaml").read_text().replace("k: 8", "k: 2"))
        try:
            assert await rag.refresh()
            assert "brief" in await rag.routes()
            assert len(await rag.search(SHIPS, pipeline="brief")) == 2
        finally:
            brief.unlink()
        assert await rag.refresh()
        with pytest.raises(ConfigError, match="no pipeline 'brief'"):
            await rag.search(SHIPS, pipeline="brief")


async def test_a_request_under_way_ends_with_what_it_began_with(project: Path, monkeypatch: pytest.MonkeyPatch):
    """Its parts are closed when it has ended, and not before."""
    monkeypatch.setattr(reading, "GRACE", 0.0)
    closed: list[Builder] = []
    close = Builder.close

    async def told(builder: Builder) -> None:
        closed.append(builder)
        await close(builder)

    monkeypatch.setattr(Builder, "close", told)
    async with ragstone.aopen(project) as rag:
        stream = rag.stream(SHIPS)
        deltas = aiter(stream)
        await anext(deltas)
        narrowed(project)
        assert await rag.refresh()
        await rag.refresh()
        assert not closed, "a request still holds it"
        async for _ in deltas:
            pass
        assert len(stream.answer.hits) == 4
        assert len((await rag.ask(SHIPS)).hits) == 1
        del deltas, stream
        gc.collect()  # an idle thread remembers what it did last
        await rag.refresh()
        assert len(closed) == 1


async def test_many_edits_leave_nothing_open(project: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "GRACE", 0.0)
    async with ragstone.aopen(project) as rag:
        pipeline = project / "pipelines" / "answer.yaml"
        first = pipeline.read_text()
        assert await rag.search(SHIPS)
        for k in range(1, 6):
            pipeline.write_text(first.replace("k: 8", f"k: {k}"))
            assert await rag.refresh()
            assert len(await rag.search(SHIPS)) == min(k, 4)
        gc.collect()
        await rag.refresh()
        assert not rag._parts._past  # pyright: ignore


async def test_parts_given_by_hand_have_no_files():
    async with ragstone.AsyncRag() as rag:
        assert not await rag.refresh()
