"""The connector of the cache in a file: its threads, what is done in the background, and its settings."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.errors import CacheUnavailable, ConfigError
from ragstone.registry import find
from ragstone.state import cached
from ragstone.state.cached import CacheFile
from ragstone.stored import Stored
from ragstone.testing.suites.cache import Clock
from ragstone.types import Context

CONTEXT = Context()


def entries(number: int, seconds: float | None = None) -> dict[bytes, Stored]:
    return {b"%d" % one: Stored(value=b"value", seconds=seconds) for one in range(number)}


def rows(path: Path) -> int:
    db = sqlite3.connect(path)
    (found,) = db.execute("SELECT COUNT(*) FROM entries_1").fetchone()
    db.close()
    return found


def test_it_is_found_by_its_type():
    assert find("cache", "sqlite") is SqliteCache


@pytest.mark.parametrize("given", [{"size": 0}, {"largest": -1}])
def test_a_size_that_holds_nothing_is_refused(given: dict[str, int]):
    with pytest.raises(ConfigError, match="is too small: expected 1 megabyte or more"):
        SqliteCache(None, **given)


async def test_a_value_above_the_limit_is_refused_and_the_limit_may_be_raised():
    large = {b"a": Stored(value=bytes(6_000_000))}
    cache, wider = SqliteCache(None), SqliteCache(None, largest=7)
    with pytest.raises(CacheUnavailable, match="too large"):
        await cache.put("calls", large, context=CONTEXT)
    await wider.put("calls", large, context=CONTEXT)
    assert len(await wider.get("calls", [b"a"], context=CONTEXT)) == 1
    await cache.close()
    await wider.close()


async def test_a_hit_waits_for_nothing_that_fills_the_threads_of_all(tmp_path: Path):
    cache, go = SqliteCache(tmp_path / "answers.db"), threading.Event()
    loop = asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, go.wait) for _ in range(64)]
    try:
        await cache.put("calls", entries(3), context=CONTEXT)
        assert len(await cache.get("calls", list(entries(3)), context=CONTEXT)) == 3
    finally:
        go.set()
        await asyncio.gather(*busy)
        await cache.close()


async def test_a_hit_waits_for_no_put_of_the_same_process(tmp_path: Path):
    cache, begun, go = SqliteCache(tmp_path / "answers.db"), threading.Event(), threading.Event()
    await cache.put("calls", entries(3), context=CONTEXT)

    def long(db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM entries_1")
        begun.set()
        go.wait()

    writing = asyncio.ensure_future(cache._writing.do(long))
    await asyncio.to_thread(begun.wait)
    assert len(await cache.get("calls", list(entries(3)), context=CONTEXT)) == 3
    go.set()
    await writing
    await cache.close()


async def test_what_is_old_is_removed_in_the_background_though_nothing_is_kept_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path, clock = tmp_path / "answers.db", Clock(1_795_000_000.0)
    cache = SqliteCache(path)
    cache.file = CacheFile(path, size=10**8, largest=10**6, clock=clock)
    await cache.put("calls", entries(3 * cached.PORTION + 1, seconds=60), context=CONTEXT)
    clock.now += 61
    assert not await cache.get("calls", [b"1"], context=CONTEXT)
    assert rows(path) == 3 * cached.PORTION + 1, "it is too early to look"
    monkeypatch.setattr(cached, "TIDY", -1.0)
    assert not await cache.get("calls", [b"1"], context=CONTEXT)
    for _ in range(1_000):
        await asyncio.sleep(0.01)
        if rows(path) == 0:
            break
    assert rows(path) == 0
    await cache.close()


async def test_what_was_used_is_written_down_when_it_is_closed(tmp_path: Path):
    path, clock = tmp_path / "answers.db", Clock(1_795_000_000.0)
    cache = SqliteCache(path)
    cache.file = CacheFile(path, size=10**8, largest=10**6, clock=clock)
    await cache.put("calls", entries(1), context=CONTEXT)
    clock.now += 100
    await cache.get("calls", [b"0"], context=CONTEXT)
    await cache.close()
    db = sqlite3.connect(path)
    assert db.execute("SELECT used - made FROM entries_1").fetchone() == (100_000,)
    db.close()


async def test_it_opens_again_after_it_was_closed(tmp_path: Path):
    cache = SqliteCache(tmp_path / "answers.db")
    for number in (1, 2):
        await cache.put("calls", {b"%d" % number: Stored(value=b"v")}, context=CONTEXT)
        await cache.close()
    assert len(await cache.get("calls", [b"1", b"2"], context=CONTEXT)) == 2
    await cache.close()


def test_one_cache_serves_several_event_loops(tmp_path: Path):
    cache = SqliteCache(tmp_path / "answers.db")

    async def one(number: int) -> None:
        await cache.put("calls", {b"%d" % number: Stored(value=b"v")}, context=CONTEXT)
        assert len(await cache.get("calls", list(entries(number + 1)), context=CONTEXT)) == number + 1

    for number in range(3):
        asyncio.run(one(number))
    asyncio.run(cache.close())


FORKED = """
import asyncio, os, sys, threading
from pathlib import Path
from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.stored import Stored
from ragstone.types import Context

context, cache = Context(), SqliteCache(Path(sys.argv[1]))
memory = SqliteCache(None)


async def found(*keys):
    return sorted((await cache.get("calls", keys, context=context)).keys())


async def put(key, into=cache):
    await into.put("calls", {key: Stored(value=b"said")}, context=context)


async def before():
    await put(b"first")
    await put(b"first", memory)
    await asyncio.gather(*(found(b"first", b"%d" % one) for one in range(20)))  # with all its threads


async def child():
    assert await found(b"first") == [b"first"], "it reads"
    os.write(says, b"r")
    os.read(told, 1)
    await put(b"second")
    assert await found(b"first", b"second") == [b"first", b"second"]
    await memory.get("calls", [b"first"], context=context)
    await put(b"second", memory)


async def parent():
    assert await found(b"first") == [b"first"]
    assert await memory.get("calls", [b"first"], context=context)
    await cache.close()  # which would delete the log under the child's feet


asyncio.run(before())
stop = threading.Event()


def busy():
    while not stop.is_set():
        asyncio.run(put(b"busy"))
        asyncio.run(found(b"first"))


threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
heard, says = os.pipe()
told, tells = os.pipe()
pid = os.fork()
if pid == 0:
    status = 1
    try:
        asyncio.run(asyncio.wait_for(child(), 30))
        status = 0
    finally:
        os._exit(status)
stop.set()
for thread in threads:
    thread.join()
os.read(heard, 1)
asyncio.run(parent())
os.write(tells, b"p")
assert os.waitpid(pid, 0)[1] == 0
assert asyncio.run(found(b"first", b"second")) == [b"first", b"second"], "what the child has kept is there"
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_that_is_forked_reads_and_keeps_while_its_parent_goes_on(tmp_path: Path):
    run = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKED, str(tmp_path / "answers.db")]
    done = subprocess.run(run, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
