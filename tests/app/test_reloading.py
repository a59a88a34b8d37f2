"""Edits of a project's files while the service runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone_app.reloading import Reloading


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path, model=Default.extractive)
    return tmp_path


async def test_an_edit_is_read_and_told_once(project: Path, caplog: pytest.LogCaptureFixture):
    async with ragstone.aopen(project) as rag:
        reloading = Reloading(rag)
        assert await rag.routes() == ["answer"]
        (project / "pipelines" / "brief.yaml").write_bytes((project / "pipelines" / "answer.yaml").read_bytes())
        for _ in range(3):
            await reloading.look()
        assert await rag.routes() == ["answer", "brief"]
        assert [record.getMessage() for record in caplog.records] == ["The files were edited, and are read again."]
        assert reloading.refused is None


async def test_a_file_that_is_wrong_is_told_once_and_does_not_count(project: Path, caplog: pytest.LogCaptureFixture):
    async with ragstone.aopen(project) as rag:
        reloading = Reloading(rag)
        assert await rag.routes() == ["answer"]
        broken = project / "pipelines" / "brief.yaml"
        broken.write_text("index: ingest\nroute: {models: [extractive]}\nrote: {}\n")
        for _ in range(3):
            await reloading.look()
        assert await rag.routes() == ["answer"]
        (told,) = [record.getMessage() for record in caplog.records]
        assert "brief.yaml:3:1" in told
        assert "rote" in told
        assert reloading.refused is not None
        broken.unlink()
        await reloading.look()
        assert reloading.refused is None


@pytest.mark.parametrize("left", [None, b"", b"[tool.ragstone", b"\xff", b"[tool]\nragstone = 3\n"])
async def test_a_project_file_that_is_gone_or_half_written_ends_nothing(project: Path, left: bytes | None):
    async with ragstone.aopen(project) as rag:
        reloading = Reloading(rag)
        await rag.routes()
        kept = (project / "pyproject.toml").read_bytes()
        (project / "pyproject.toml").unlink()
        if left is not None:
            (project / "pyproject.toml").write_bytes(left)
        await reloading.look()
        assert await rag.routes() == ["answer"]
        (project / "pyproject.toml").write_bytes(kept)
        await reloading.look()
        assert reloading.refused is None
