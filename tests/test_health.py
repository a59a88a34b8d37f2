"""Which parts of a project can be used."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ragstone
from ragstone.cli.init import Default, write
from ragstone.errors import StoreUnavailable
from ragstone.health import HealthReport
from ragstone.testing import HashingEmbedder, MemoryLexicalIndex, MemoryStore, ScriptedModel
from ragstone.types import Context


class AwayStore(MemoryStore):
    """Its server cannot be reached."""

    async def count(self, *, context: Context) -> int:
        raise StoreUnavailable("cannot be reached", where="http://10.0.0.7:8000")


class HungStore(MemoryStore):
    """Its server takes the connection and says nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.over = 0, threading.Event()

    async def count(self, *, context: Context) -> int:
        self.asked += 1
        await asyncio.to_thread(self.over.wait)
        return 0


@pytest.fixture
def hung() -> Iterator[HungStore]:
    store = HungStore()
    yield store
    store.over.set()


def opened(**parts: Any) -> ragstone.AsyncRag:
    given = {"store": MemoryStore(), "lexical": MemoryLexicalIndex(), "model": ScriptedModel(["a"])} | parts
    return ragstone.AsyncRag(embedder=HashingEmbedder(), **given)


def states(report: HealthReport) -> dict[str, str]:
    return {part.name: part.state for part in report.parts}


async def test_each_part_has_a_state():
    async with opened() as rag:
        report = await rag.health().check()
    working = dict.fromkeys(("state", "store", "lexical", "models", "ledger"), "ok")
    assert states(report) == {**working, "cache": "absent"}
    assert report.ready
    assert not report.degraded
    assert [model.state for model in report.models] == ["ok"]


async def test_a_store_that_is_away_is_down_and_its_address_is_not_told():
    async with opened(store=AwayStore()) as rag:
        report = await rag.health().check()
    (store,) = (part for part in report.parts if part.name == "store")
    assert store.as_dict() == {"state": "down", "error": "StoreUnavailable"}
    assert not report.ready


async def test_a_part_that_hangs_is_down_and_is_asked_once_at_a_time(hung: HungStore, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.health.PATIENCE", 0.05)
    async with opened(store=hung) as rag:
        health = rag.health()
        for _ in range(3):
            assert states(await health.check())["store"] == "down"
        assert hung.asked == 1
        hung.over.set()
        monkeypatch.setattr("ragstone.health.PATIENCE", 60.0)
        assert states(await health.check())["store"] == "ok"


def test_a_model_that_rests_is_told_and_none_is_asked(tmp_path: Path):
    write(tmp_path, model=Default.openai)
    (tmp_path / "connectors" / "openai.yaml").write_text(
        "kind: model\ntype: openai\nmodel: gpt\napi_key: none\nbase_url: http://127.0.0.1:9/v1\nretries: 0\n"
    )
    (tmp_path / "pipelines" / "answer.yaml").write_text("index: ingest\nroute: {models: [openai]}\n")
    with ragstone.open(tmp_path) as rag:
        before = rag.health().check()
        assert states(before)["models"] == "ok"
        rag._rag._parts._healths.known["openai"].breaker.rest(60)  # type: ignore[attr-defined]
        after = rag.health().check()
    (part,) = (part for part in after.parts if part.name == "models")
    assert (part.state, part.error) == ("down", "ModelResting")
    assert [(model.name, model.state) for model in after.models] == [("openai", "resting")]


def test_a_model_without_its_key_is_no_fault_beside_one_that_has_it(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with ragstone.open(tmp_path) as rag:
        report = rag.health().check()
    assert states(report)["models"] == "ok"
    assert {model.name: model.state for model in report.models} == {"local": "not configured", "extractive": "ok"}


def test_an_unknown_pipeline_is_down_and_raises_nothing(tmp_path: Path):
    write(tmp_path, model=Default.extractive)
    with ragstone.open(tmp_path) as rag:
        report = rag.health(pipeline="nothing").check()
    assert {part.error for part in report.parts if part.state == "down"} == {"PipelineNotFound"}
    assert states(report)["ledger"] == "ok"
