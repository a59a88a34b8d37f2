"""A line of YAML switches the semantic cache of a pipeline on, and what it names must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

import ragstone
from ragstone.caching.semantic.calibration import shipped
from ragstone.caching.semantic.remembering import ROOM
from ragstone.cli.init import Default, write
from ragstone.errors import ConfigError
from ragstone.pipelines.build import Builder
from ragstone.project import Project
from ragstone.testing import MemoryCache

DOCUMENT = """# Halibut

The halibut project ships on 3 May 2031. Its lead is Ana Ruiz. It owns 1,250 boats, and they are red.
The boats ana@example.com owns are blue.
"""


def project(folder: Path, semantic: str) -> Path:
    write(folder, model=Default.extractive)
    path = folder / "pipelines" / "answer.yaml"
    kept = [line for line in path.read_text().splitlines() if not line.startswith("cache:")]
    path.write_text("\n".join([*kept, f"cache: {{semantic: {semantic}}}", ""]))
    return folder


@pytest.mark.parametrize(
    ("semantic", "fault"),
    [
        ("true", ""),
        ("{bound: 0.06, watch: 0.1, limit: 500, judge: same_question}", ""),
        ("{bound: 0.02}", "calibrated for a higher bound"),
        ("{judge: sme_question}", "there is no prompt 'sme_question'"),
        ("{judge: answer}", "the prompt 'answer' compares no questions"),
        ("{rerank: cross}", "there is no connector 'cross'"),
        ("{rerank: documents}", "'documents' is of kind source"),
        ("{bound: 0.7}", "bound"),
    ],
)
def test_what_a_semantic_cache_names_is_checked_with_its_place(tmp_path: Path, semantic: str, fault: str) -> None:
    found = [str(one) for one in Project(project(tmp_path, semantic)).faults()]
    assert len(found) == bool(fault)
    assert all(fault in one and "pipelines/answer.yaml:" in one for one in found)


def in_memory(monkeypatch: pytest.MonkeyPatch) -> MemoryCache:
    cache = MemoryCache()
    monkeypatch.setattr(Builder, "cache", lambda self, name, asked_at="", **_: cache)
    return cache


@pytest.mark.parametrize(
    ("semantic", "calibrated", "fault"),
    [
        ("{bound: 0.02}", None, "by what comes with Ragstone: expected 0.05 or more, found 0.02. Run: ragstone cache "),
        ("{bound: 0.05}", None, ""),
        ("{bound: 0.2}", None, ""),
        ("{bound: 0.02}", 0.02, ""),
        ("true", 0.1, "by answer.cache.json: expected 0.1 or more, found 0.05. Run: ragstone cache calibrate"),
    ],
)
async def test_a_bound_below_that_of_the_calibration_is_refused_with_the_command_that_makes_one(
    tmp_path: Path, semantic: str, calibrated: float | None, fault: str
) -> None:
    project(tmp_path, semantic)
    if calibrated is not None:
        own = shipped().model_copy(update={"bound": calibrated})
        (tmp_path / "pipelines" / "answer.cache.json").write_text(own.dump())
    async with ragstone.aopen(tmp_path) as rag:
        if not fault:
            assert (await rag.ask("When does the halibut project ship?")).abstained
            return
        with pytest.raises(ConfigError, match="is calibrated for a higher bound") as raised:
            await rag.ask("When does the halibut project ship?")
    assert fault in str(raised.value)
    assert "pipelines/answer.yaml:" in str(raised.value)


@pytest.mark.slow
async def test_the_default_embedder_and_judge_find_a_paraphrase_and_no_near_miss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = in_memory(monkeypatch)
    project(tmp_path, "true")
    (tmp_path / "documents").mkdir(exist_ok=True)
    (tmp_path / "documents" / "halibut.md").write_text(DOCUMENT)
    async with ragstone.aopen(tmp_path) as rag:
        await rag.ingest()
        first = await rag.ask("When does the halibut project ship?")
        assert not first.cached
        same = await rag.ask("When will the halibut project ship?")
        assert (same.text, same.cached) == (first.text, True)
        assert "When does the halibut project ship?" in same.notices[0]
        for other in ("When does the turbot project ship?", "When does the halibut project not ship?"):
            assert not (await rag.ask(other)).cached
        assert not (await rag.ask("Which boats does ana@example.com own?")).abstained
    remembered = [entry.stored.value for (room, _), entry in cache._entries.items() if room == ROOM]
    assert any(b"turbot" in one for one in remembered)
    assert not any(b"example.com" in one for one in remembered)
