"""The cache of LangChain's models, through the standard tests of LangChain and beside them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from ragstone.interop.langchain import RagstoneCache


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[RagstoneCache]:
    made = RagstoneCache(tmp_path / "cache.db")
    yield made
    made.close()


class TestWaiting(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self, tmp_path: Path) -> Iterator[RagstoneCache]:  # type: ignore[override]
        made = RagstoneCache(tmp_path / "cache.db")
        yield made
        made.close()


class TestAwaiting(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self) -> RagstoneCache:
        return RagstoneCache()


def test_an_answer_is_there_when_the_file_is_opened_again(cache: RagstoneCache, tmp_path: Path):
    said = [ChatGeneration(message=AIMessage("Cod.", usage_metadata=_usage())), Generation(text="Eel.")]
    cache.update("Which fish?", "model", [Generation(text="None.")])
    cache.update("Which fish?", "model", said)
    cache.close()
    again = RagstoneCache(tmp_path / "cache.db")
    assert again.lookup("Which fish?", "model") == said
    again.close()


def _usage():
    return {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}


def test_no_two_questions_share_a_place(cache: RagstoneCache):
    cache.update("ab", "c", [Generation(text="one")])
    cache.update("a", "bc", [Generation(text="two")])
    assert cache.lookup("ab", "c") == [Generation(text="one")]
    assert cache.lookup("a", "bc") == [Generation(text="two")]
    assert cache.lookup("", "abc") is None


def test_a_model_is_asked_once(cache: RagstoneCache):
    model = FakeListChatModel(responses=["first", "second"], cache=cache)
    assert [model.invoke("Which fish?").content for _ in range(2)] == ["first", "first"]
    assert model.invoke("Which bird?").content == "second"
    cache.clear()
    assert model.invoke("Which fish?").content == "first"  # its list begins again


@pytest.mark.parametrize(
    "planted",
    [
        json.dumps([{"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "prompt", "PromptTemplate"]}]),
        json.dumps([{"lc": 1, "type": "secret", "id": ["HOME"]}]),
        json.dumps({"a": 1}),
        "not json",
        "\udcff",
    ],
    ids=["a class of another kind", "a secret", "a mapping", "no json", "no text"],
)
def test_a_file_that_somebody_has_changed_makes_nothing_else(cache: RagstoneCache, tmp_path: Path, planted: str):
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    cache.close()
    with closing(sqlite3.connect(tmp_path / "cache.db")) as db:
        db.execute("UPDATE completions_1 SET vector = ?", (planted.encode("utf-8", "surrogateescape"),))
        db.commit()
    assert cache.lookup("Which fish?", "model") is None


def test_a_damaged_file_stands_in_nobodys_way(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "cache.db").write_bytes(b"no database" * 100)
    cache = RagstoneCache(tmp_path / "cache.db")
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    assert cache.lookup("Which fish?", "model") is None
    assert "cannot be used" in caplog.text
    cache.close()
