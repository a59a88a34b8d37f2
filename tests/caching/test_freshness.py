"""Versions that were followed by another one are forgotten, once, and nothing goes wrong where the cache does."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from ragstone.caching import freshness
from ragstone.caching.freshness import FreshCache, bare, forget
from ragstone.caching.key import current_key
from ragstone.errors import CacheUnavailable
from ragstone.stored import Stored
from ragstone.testing import MemoryCache
from ragstone.types import Context
from ragstone.wrapped import WrappedCache

CONTEXT = Context()


def keeper(cache: MemoryCache, place: str = "/project") -> FreshCache:
    return FreshCache(cache, place=place)


async def kept(cache: FreshCache, *tags: str) -> int:
    """Puts an entry with these tags; how many calls are kept when all is quiet again."""
    await cache.put("calls", {" ".join(tags).encode(): Stored(value=b"x", tags=tags)}, context=CONTEXT)
    await cache.settled()
    return (await cache.stats(context=CONTEXT)).entries["calls"]


async def test_a_version_that_follows_another_has_that_forgotten():
    cache = keeper(MemoryCache())
    assert await kept(cache, "prompt:answer@1", "document:a") == 1
    assert await kept(cache, "prompt:answer@1", "document:b") == 2
    assert await kept(cache, "prompt:chat@7") == 3
    assert await kept(cache, "prompt:answer@2") == 2
    assert await kept(cache, "model:local@1") == 3
    assert await kept(cache, "model:local@2") == 3


async def test_another_process_goes_on_from_what_is_written_down():
    store = MemoryCache()
    assert await kept(keeper(store), "prompt:answer@1") == 1
    assert await kept(keeper(store), "prompt:answer@2") == 1


async def test_the_same_name_in_two_folders_is_two():
    store = MemoryCache()
    assert await kept(keeper(store, "/a"), "prompt:answer@1") == 1
    assert await kept(keeper(store, "/b"), "prompt:answer@2") == 2


async def test_a_version_that_comes_back_takes_nothing_from_the_other():
    store = MemoryCache()
    assert await kept(keeper(store), "prompt:answer@1") == 1
    assert await kept(keeper(store), "prompt:answer@2") == 1
    assert await kept(keeper(store), "prompt:answer@1") == 2
    assert await kept(keeper(store), "prompt:answer@2", "document:a") == 3
    assert await kept(keeper(store), "prompt:answer@3") == 2  # it follows the one that counted last


async def test_a_name_may_hold_an_at_sign():
    cache = keeper(MemoryCache())
    assert await kept(cache, "model:me@home@1") == 1
    assert await kept(cache, "model:me@work@1") == 2


@pytest.mark.parametrize(
    "value", [b"", b"\xff", b"[]", b"{}", b'{"format": 2, "version": "1", "earlier": []}', b'{"format": 1}']
)
async def test_what_another_format_has_written_counts_as_nothing(value: bytes):
    store = MemoryCache()
    key = current_key("/project", "prompt:answer")
    await store.put("current", {key: Stored(value=value)}, context=CONTEXT)
    assert await kept(keeper(store), "prompt:answer@1") == 1
    found = (await store.get("current", [key], context=CONTEXT))[key]
    assert json.loads(found.value)["version"] == "1"


async def test_only_so_many_earlier_versions_are_remembered():
    store = MemoryCache()
    cache = keeper(store)
    for version in range(freshness.EARLIER + 9):
        assert await kept(cache, f"prompt:answer@{version}") == 1
    key = current_key("/project", "prompt:answer")
    told = json.loads((await store.get("current", [key], context=CONTEXT))[key].value)
    assert len(told["earlier"]) == freshness.EARLIER


class Down(MemoryCache):
    """Keeps calls, and cannot be asked for anything else."""

    error: Exception = CacheUnavailable("is down")
    looked = 0

    async def get(self, room: str, keys: Sequence[bytes], *, context: Context) -> dict[bytes, object]:  # type: ignore[override]
        self.looked += 1
        raise self.error


async def test_a_cache_that_fails_fails_nobody(caplog: pytest.LogCaptureFixture):
    down = Down()
    down.error = ValueError("is odd")
    cache = keeper(down)
    assert await kept(cache, "prompt:answer@1") == 1
    await cache.close()
    assert "prompt:answer: what rests on an earlier version stays" in caplog.text
    assert "is odd" in caplog.text


async def test_a_cache_that_is_down_is_not_warned_of_here_and_is_asked_again_later(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    down = Down()
    cache = keeper(down)
    await kept(cache, "prompt:answer@1")
    await kept(cache, "prompt:chat@1")
    assert down.looked == 1, "it rests"
    monkeypatch.setattr("ragstone.caching.freshness.REST", 0.0)
    await kept(cache, "prompt:answer@1")
    await cache.close()
    assert down.looked == 2
    assert not caplog.records, "what spares the cache has said it"


async def test_tags_are_forgotten_in_portions():
    store = MemoryCache()
    for number in range(3):
        await store.put("calls", {b"%d" % number: Stored(value=b"x", tags=(f"document:{number}",))}, context=CONTEXT)
    tags = [f"document:{number}" for number in range(2 * freshness.PORTION)]
    assert await forget(store, tags, context=CONTEXT) == 3
    assert store.asked["forget"] == 2


def test_whoever_looks_after_a_cache_asks_it_itself():
    store = MemoryCache()
    assert bare(WrappedCache(keeper(store))) is store
