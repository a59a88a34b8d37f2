"""Edits of documents while the service runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.state.lease import LeaseLock
from ragstone_app.watching import Watching

QUESTION = "When does the halibut project ship?"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    (tmp_path / "documents" / "halibut.md").write_text("# Halibut\n\nThe halibut project ships on 3 May 2031.\n")
    return tmp_path


async def test_the_first_look_ingests_and_the_next_ones_only_what_was_edited(
    project: Path, caplog: pytest.LogCaptureFixture
):
    page = project / "documents" / "halibut.md"
    async with ragstone.aopen(project) as rag:
        watching = Watching(rag)
        await watching.look()
        assert "3 May 2031" in (await rag.ask(QUESTION)).text
        traces = len(await rag.traces(limit=100))
        await watching.look()
        assert len(await rag.traces(limit=100)) == traces  # nothing was ingested
        page.write_text(page.read_text().replace("2031", "2032"))
        await watching.look()
        assert "3 May 2032" in (await rag.ask(QUESTION)).text
        (project / "documents" / "cod.md").write_text("Cod is a fish.\n")
        page.unlink()
        await watching.look()
    assert caplog.messages == [
        "Documents were edited: 1 added, 0 changed, 0 removed.",
        "Documents were edited: 0 added, 1 changed, 0 removed.",
        "Documents were edited: 1 added, 0 changed, 1 removed.",
    ]


async def test_a_document_that_cannot_be_read_is_told_once_and_keeps_no_other_out(
    project: Path, caplog: pytest.LogCaptureFixture
):
    (project / "documents" / "bad.pdf").write_bytes(b"%PDF-1.4 garbage")
    async with ragstone.aopen(project) as rag:
        watching = Watching(rag)
        for number in range(3):
            (project / "documents" / f"cod{number}.md").write_text(f"Cod number {number} is a fish.\n")
            await watching.look()
        assert (await rag.index().status()).states.get("live", 0) == 4
    assert [line for line in caplog.messages if "bad.pdf" in line] == [
        "documents/bad.pdf is damaged: it cannot be opened as a PDF"
    ]


async def test_a_folder_that_is_gone_is_told_once_and_counts_when_it_is_back(
    project: Path, caplog: pytest.LogCaptureFixture
):
    folder, aside = project / "documents", project / "aside"
    async with ragstone.aopen(project) as rag:
        watching = Watching(rag)
        await watching.look()
        folder.rename(aside)
        for _ in range(3):
            await watching.look()
        assert "3 May 2031" in (await rag.ask(QUESTION)).text  # what was ingested is not lost
        (line,) = [line for line in caplog.messages if "could not be ingested" in line]
        assert "documents" in line
        aside.rename(folder)
        (folder / "cod.md").write_text("Cod is a fish.\n")
        await watching.look()
        assert (await rag.index().status()).states.get("live", 0) == 2


async def test_while_another_process_ingests_it_says_nothing_and_looks_again(
    project: Path, caplog: pytest.LogCaptureFixture
):
    async with ragstone.aopen(project) as rag:
        watching = Watching(rag)
        await rag.index().status()
        with LeaseLock(project / ".ragstone" / "ingest.lock", purpose="ragstone ingest"):
            await watching.look()
            assert (await rag.index().status()).states.get("live", 0) == 0
        assert caplog.messages == []
        await watching.look()
        assert (await rag.index().status()).states.get("live", 0) == 1


async def test_it_ends_when_the_service_does(project: Path):
    async with ragstone.aopen(project) as rag:
        running = asyncio.create_task(Watching(rag).run())
        while not await asyncio.to_thread((project / ".ragstone" / "project.db").exists):
            pass
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await rag.ingest()
        assert "3 May 2031" in (await rag.ask(QUESTION)).text


async def test_only_folders_of_this_machine_are_looked_at(project: Path):
    (project / "connectors" / "site.yaml").write_text(
        "kind: source\ntype: web\nurls: [http://site.invalid/]\nacl: public\n"
    )
    ingest = project / "pipelines" / "ingest.yaml"
    ingest.write_text(ingest.read_text().replace("sources: [documents]", "sources: [documents, site]"))
    async with ragstone.aopen(project) as rag:
        before = (
            await rag.files().fingerprint()
        )  # the network is refused here, so a site that is asked would be an error
        assert await rag.files().fingerprint() == before
        (project / "documents" / "cod.md").write_text("Cod is a fish.\n")
        assert await rag.files().fingerprint() != before
