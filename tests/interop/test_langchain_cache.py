"""The cache of LangChain's models, through the standard tests of LangChain and beside them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation
from langchain_tests.integration_tests import AsyncCacheTestSuite, SyncCacheTestSuite

from ragstone.caching.key import pair_key
from ragstone.caching.spared import SparedCache
from ragstone.errors import CacheUnavailable
from ragstone.interop.langchain import RagstoneCache
from ragstone.stored import Found, Stored
from ragstone.sync.loop import waited
from ragstone.testing import MemoryCache
from ragstone.types import Context


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


class TestWaitingForAnother(SyncCacheTestSuite):
    @pytest.fixture
    def cache(self) -> RagstoneCache:
        return RagstoneCache(MemoryCache())


class TestAwaiting(AsyncCacheTestSuite):
    @pytest.fixture
    async def cache(self) -> AsyncIterator[RagstoneCache]:  # type: ignore[override]
        made = RagstoneCache()
        yield made
        made.close()


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


GENERATION = ("langchain_core", "outputs", "generation", "Generation")


@pytest.mark.parametrize(
    "planted",
    [
        json.dumps([{"lc": 1, "type": "constructor", "id": ["langchain", "prompts", "prompt", "PromptTemplate"]}]),
        json.dumps([{"lc": 1, "type": "secret", "id": ["HOME"]}]),
        json.dumps({"a": 1}),
        "not json",
        "\udcff",
        "[" * 200_000,
        json.dumps([{"lc": 1, "type": "constructor", "id": [], "kwargs": {}}]),
        json.dumps([{"lc": 1, "type": "constructor", "id": [*GENERATION], "kwargs": []}]),
    ],
    ids=[
        "a class of another kind",
        "a secret",
        "a mapping",
        "no json",
        "no text",
        "nested without end",
        "a class without a name",
        "a class with odd settings",
    ],
)
def test_an_entry_that_somebody_has_changed_makes_nothing_else(cache: RagstoneCache, planted: str):
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    entry = Stored(value=planted.encode("utf-8", "surrogateescape"))
    waited(cache.cache.put("langchain", {pair_key("Which fish?", "model"): entry}, context=Context()))
    assert cache.lookup("Which fish?", "model") is None
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    assert cache.lookup("Which fish?", "model") == [Generation(text="Cod.")]


def test_a_damaged_file_stands_in_nobodys_way(tmp_path: Path):
    (tmp_path / "cache.db").write_bytes(b"no database" * 100)
    cache = RagstoneCache(tmp_path / "cache.db")
    assert cache.lookup("Which fish?", "model") is None
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    assert cache.lookup("Which fish?", "model") in (None, [Generation(text="Cod.")])
    cache.close()


class Away(MemoryCache):
    """A cache that is down."""

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
        raise CacheUnavailable("nobody is there")

    async def put(self, room: str, entries: Mapping[bytes, Stored], *, lease: object = None, context: Context) -> None:
        raise CacheUnavailable("nobody is there")


def test_a_cache_that_is_away_is_a_miss_and_the_log_says_so(caplog: pytest.LogCaptureFixture):
    cache = RagstoneCache(Away())
    model = FakeListChatModel(responses=["first", "second"], cache=cache)
    assert [model.invoke("Which fish?").content for _ in range(2)] == ["first", "second"]
    (record,) = caplog.records
    assert "nobody is there" in record.getMessage()


def test_a_cache_that_hangs_is_left_alone_after_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ragstone.caching.spared.PATIENCE", 0.05)
    asked = 0

    class Hung(MemoryCache):
        async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
            nonlocal asked
            asked += 1
            await asyncio.Event().wait()
            raise AssertionError

    cache = RagstoneCache(Hung())
    assert [cache.lookup("Which fish?", str(each)) for each in range(5)] == [None] * 5
    assert asked == 1
    assert len(caplog.records) == 1


def test_a_cache_that_is_spared_already_is_taken_as_it_is():
    spared = SparedCache(MemoryCache())
    assert RagstoneCache(spared).cache is spared


def test_an_answer_is_written_when_update_returns():
    inner = MemoryCache()
    RagstoneCache(inner).update("Which fish?", "model", [Generation(text="Cod.")])
    assert inner.asked["put"] == 1


async def test_what_is_awaited_runs_on_another_loop_than_the_callers():
    loops: set[asyncio.AbstractEventLoop] = set()

    class Noting(MemoryCache):
        async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> Mapping[bytes, Found]:
            loops.add(asyncio.get_running_loop())
            return await super().get(room, keys, context=context)

    cache = RagstoneCache(Noting())
    await cache.aupdate("Which fish?", "model", [Generation(text="Cod.")])
    assert await cache.alookup("Which fish?", "model") == [Generation(text="Cod.")]
    assert await asyncio.to_thread(cache.lookup, "Which fish?", "model") == [Generation(text="Cod.")]
    assert len(loops) == 1, "a cache is used on one loop alone"
    assert asyncio.get_running_loop() not in loops


def test_answers_of_others_stay_when_langchains_are_forgotten():
    inner = MemoryCache()
    waited(inner.put("calls", {b"key": Stored(value=b"said")}, context=Context()))
    cache = RagstoneCache(inner)
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    cache.clear()
    assert waited(inner.stats(context=Context())).entries == {"calls": 1}


def test_an_answer_counts_for_as_long_as_one_says():
    now = 1_700_000_000.0
    cache = RagstoneCache(MemoryCache(clock=lambda: now), seconds=60)
    cache.update("Which fish?", "model", [Generation(text="Cod.")])
    now += 59
    assert cache.lookup("Which fish?", "model") == [Generation(text="Cod.")]
    now += 1
    assert cache.lookup("Which fish?", "model") is None
