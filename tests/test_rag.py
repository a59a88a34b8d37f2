"""What a program holds, used as programs do: at once, in part, and carelessly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import IndexBusy, UsageError
from ragstone.state.lock import FileLock
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Context, Delta, Prompt

SHIPS = "When does the halibut project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    return tmp_path


def loose(model: ScriptedModel | None = None) -> ragstone.AsyncRag:
    return ragstone.AsyncRag(
        store=MemoryStore(),
        lexical=MemoryLexicalIndex(),
        embedder=HashingEmbedder(),
        model=model or ScriptedModel(["Yes [1]."] * 9),
    )


async def test_many_first_questions_at_once_are_all_answered(project: Path):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
    async with ragstone.aopen(project) as rag:
        found = await asyncio.gather(*(rag.search(SHIPS) for _ in range(8)))
    assert [len(hits) for hits in found] == [1] * 8


async def test_folders_add_up_and_one_named_twice_is_one(tmp_path: Path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.md").write_text(f"# {name}\n\nWords of {name}.")
    async with loose() as rag:
        assert (await rag.ingest(tmp_path / "a")).added == 1
        report = await rag.ingest(tmp_path / "b", tmp_path / "b" / ".." / "a")
        assert (report.added, report.unchanged, report.removed) == (1, 1, 0)
        assert (await rag.ingest()).unchanged == 2


async def test_with_nothing_to_ingest_it_says_so(project: Path):
    async with loose() as rag:
        with pytest.raises(UsageError, match="nothing to ingest"):
            await rag.ingest()
    async with ragstone.aopen(project) as rag:
        with pytest.raises(UsageError, match="stand in its files"):
            await rag.ingest(project / "documents")


class Talkative(ScriptedModel):
    """Says words without end, and notes when it is stopped."""

    stopped = False

    async def stream(self, prompt: Prompt, *, context: Context) -> AsyncGenerator[Delta]:
        try:
            while True:
                yield Delta("word ")
        finally:
            self.stopped = True


async def test_leaving_a_stream_stops_the_model(tmp_path: Path):
    (tmp_path / "a.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.")
    model = Talkative([])
    async with loose(model) as rag:
        await rag.ingest(tmp_path)
        stream = rag.stream(SHIPS)
        async for piece in stream:
            if piece.text:
                break
        await stream.close()
        assert model.stopped
        assert (await rag.traces(limit=1))[0].facts["outcome"] == "failed"


async def test_an_ingestion_cancelled_while_it_waits_leaves_the_lock_free(project: Path):
    lock = project / ".ragstone" / "ingest.lock"
    async with ragstone.aopen(project) as rag:
        with FileLock(lock, purpose="test"):
            task = asyncio.create_task(rag.ingest())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(task, 0.5)
        assert (await rag.ingest()).added == 1
        with FileLock(lock, purpose="test"), pytest.raises(IndexBusy):
            await rag.ingest(wait=False)


async def test_two_ingestions_at_once_do_the_work_once(tmp_path: Path):
    (tmp_path / "a.md").write_text("# Halibut\n\nWords.")
    async with loose() as rag:
        reports = await asyncio.gather(rag.ingest(tmp_path), rag.ingest(tmp_path))
    assert sorted(report.added for report in reports) == [0, 1]


async def test_a_store_given_by_hand_keeps_one_tenant(tmp_path: Path):
    (tmp_path / "a.md").write_text("# Halibut\n\nWords.")
    async with loose() as rag:
        await rag.ingest(tmp_path)
        with pytest.raises(UsageError, match="one tenant"):
            await rag.search(SHIPS, tenant="other")


async def test_a_document_can_be_read_back_by_those_who_may(project: Path):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        answer = await rag.ask(SHIPS)
        document = await rag.document(answer.hits[0].chunk.document_id)
        assert document is not None
        for citation in answer.citations:
            assert document.text[citation.start : citation.end] == citation.quote
        assert await rag.document(answer.hits[0].chunk.document_id, tenant="other") is None


async def test_before_anything_is_ingested_the_answer_says_so(project: Path):
    async with ragstone.aopen(project) as rag:
        answer = await rag.ask(SHIPS)
    assert answer.abstained
    assert answer.notices == ("Nothing was ingested yet. Run: ragstone ingest",)


async def test_half_a_character_is_refused_and_one_principal_is_one(project: Path):
    async with ragstone.aopen(project) as rag:
        await rag.ingest()
        with pytest.raises(UsageError, match="half a character"):
            await rag.ask("Why \ud800?")
        assert rag.chat(principals="group:hr")._who.principals == frozenset({"group:hr"})
