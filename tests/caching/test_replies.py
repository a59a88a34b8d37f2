from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ragstone.caching import replies
from ragstone.caching.replies import ReplyCache
from ragstone.protocols import Reply

REPLY = Reply(text="sent", url="http://host/orders/7", status=200, size=4)
KEY = {"tenant": "a", "connector": "orders", "fingerprint": "f", "path": "/orders/7"}


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["file", "memory"])
def cache(request: pytest.FixtureRequest, tmp_path: Path) -> ReplyCache:
    return ReplyCache(tmp_path / "replies.db" if request.param == "file" else None, clock=Clock())


def test_a_reply_is_there_until_its_time_is_over(cache: ReplyCache) -> None:
    clock = cache._clock
    assert isinstance(clock, Clock)
    assert cache.get(**KEY) is None
    cache.put(REPLY, seconds=60, **KEY)
    assert cache.get(**KEY) == REPLY
    clock.now += 59.9
    assert cache.get(**KEY) == REPLY
    clock.now += 0.2
    assert cache.get(**KEY) is None
    cache.close()


def test_a_clock_that_was_put_back_keeps_nothing_longer(cache: ReplyCache) -> None:
    clock = cache._clock
    assert isinstance(clock, Clock)
    cache.put(REPLY, seconds=60, **KEY)
    clock.now -= 1_000
    assert cache.get(**KEY) is None
    cache.close()


@pytest.mark.parametrize("other", ["tenant", "connector", "fingerprint", "path"])
def test_nothing_is_shared_with_another_tenant_connector_account_or_path(cache: ReplyCache, other: str) -> None:
    cache.put(REPLY, seconds=60, **KEY)
    assert cache.get(**{**KEY, other: "other"}) is None
    assert cache.get(**KEY) == REPLY
    cache.close()


def test_what_is_over_is_deleted_and_the_oldest_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "MOST", 3)
    clock = Clock()
    cache = ReplyCache(tmp_path / "replies.db", clock=clock)
    for number in range(5):
        clock.now += 1
        cache.put(REPLY, seconds=60, **{**KEY, "path": str(number)})
    assert [cache.get(**{**KEY, "path": str(number)}) is not None for number in range(5)] == [False] * 2 + [True] * 3
    clock.now += 100
    cache.put(Reply(text="new", url=""), seconds=60, **KEY)
    cache.close()
    with closing(sqlite3.connect(tmp_path / "replies.db")) as db:
        assert db.execute("SELECT json_extract(reply, '$.text') FROM replies_1").fetchall() == [("new",)]


def test_zero_seconds_and_a_read_make_no_file(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies.db")
    cache.put(REPLY, seconds=0, **KEY)
    assert cache.get(**KEY) is None
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_stands_in_nobodys_way(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "replies.db"
    path.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    cache = ReplyCache(path)
    with caplog.at_level(logging.WARNING):
        cache.put(REPLY, seconds=60, **KEY)
        assert cache.get(**KEY) is None
    assert "the cache of lookups cannot be used" in caplog.text
