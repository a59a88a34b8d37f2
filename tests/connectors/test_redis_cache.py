"""A cache whose Redis is not there, or is something else."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from ragstone.caching.spared import SparedCache
from ragstone.connectors.redis import RedisCache
from ragstone.errors import CacheUnavailable
from ragstone.protocols import Cache
from ragstone.stored import Lease, Stored
from ragstone.types import Context
from servers import free_port

CONTEXT = Context()
LEASE = Lease(b"key", "me", 1)
CALLS: dict[str, Callable[[Cache], object]] = {
    "get": lambda cache: cache.get("calls", [b"key"], context=CONTEXT),
    "put": lambda cache: cache.put("calls", {b"key": Stored(value=b"said")}, context=CONTEXT),
    "remove": lambda cache: cache.remove("calls", [b"key"], context=CONTEXT),
    "forget": lambda cache: cache.forget(["tag"], context=CONTEXT),
    "tagged": lambda cache: cache.tagged("calls", "tag", context=CONTEXT),
    "clear": lambda cache: cache.clear(context=CONTEXT),
    "claim": lambda cache: cache.claim(b"key", owner="me", seconds=1, context=CONTEXT),
    "release": lambda cache: cache.release(LEASE, context=CONTEXT),
    "count": lambda cache: cache.count({"calls.hit": 1}, context=CONTEXT),
    "stats": lambda cache: cache.stats(context=CONTEXT),
}


@asynccontextmanager
async def saying(words: bytes | None) -> AsyncIterator[int]:
    """The port of a server that says this to whatever it is asked, and nothing where there are no words."""
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while await reader.read(65_536):
                if words is None:
                    await over.wait()
                    break
                writer.write(words)
                if not words:
                    break
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_where_nobody_listens_each_call_says_so(call: Callable[[Cache], object]):
    port = free_port()
    cache = RedisCache(f"redis://user:hush@127.0.0.1:{port}/0")
    with pytest.raises(CacheUnavailable, match=rf"127.0.0.1:{port}/0: Redis cannot be reached: .*refused") as no:
        await call(cache)  # type: ignore[misc]
    assert (no.value.reason, no.value.retryable) == ("down", True)
    assert "hush" not in str(no.value)
    await cache.close()


@pytest.mark.parametrize(
    ("words", "said", "reason"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "cannot be reached: .*loading", "down"),
        (b"-NOAUTH Authentication required.\r\n", "refused the user or the password", "down"),
        (b"-WRONGPASS invalid username-password pair or user is disabled.\r\n", "refused the user", "down"),
        (b"-NOPERM this user has no permissions to run hush\r\n", "refused the user", "down"),
        (b"-MISCONF Redis cannot save to its disk\r\n", "Redis cannot keep the cache: .*disk", "down"),
        (b"-ERR max number of clients reached\r\n", "Redis cannot", "down"),
        (b"-ERR nobody may say hush here\r\n", r"Redis cannot .* say \[password\] here", "down"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Redis cannot", "down"),
        (b"\x00\xff\r\n", "Redis cannot", "down"),
        (b"", "Redis cannot be reached", "down"),
        (None, "Redis does not answer in time", "slow"),
    ],
)
async def test_whatever_else_answers_there_is_said_in_one_line(words: bytes | None, said: str, reason: str):
    async with saying(words) as port:
        cache = RedisCache(f"redis://:hush@127.0.0.1:{port}/0?socket_timeout=0.2")
        with pytest.raises(CacheUnavailable, match=said) as caught:
            await cache.get("calls", [b"key"], context=CONTEXT)
        assert caught.value.reason == reason
        assert "hush" not in str(caught.value)
        assert "\n" not in str(caught.value)
        await cache.close()


async def test_a_name_that_nobody_has_is_said(monkeypatch: pytest.MonkeyPatch):
    def unknown(*given: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    cache = RedisCache("redis://:hush@redis.invalid:6379/0")
    with pytest.raises(CacheUnavailable, match=r"redis\.invalid:6379/0: Redis cannot be reached: .*not known"):
        await cache.get("calls", [b"key"], context=CONTEXT)
    await cache.close()


@pytest.mark.parametrize("silent", [False, True])
async def test_an_app_starts_without_its_redis_after_one_warning(silent: bool, caplog: pytest.LogCaptureFixture):
    async with saying(None if silent else b"") as port:
        cache = SparedCache(RedisCache(f"redis://:hush@127.0.0.1:{port}/0?socket_timeout=0.2"))
        with caplog.at_level(logging.INFO):
            await cache.load()
            assert await cache.get("calls", [b"key"], context=CONTEXT) == {}
        (record,) = caplog.records
        assert record.levelname == "WARNING"
        assert f"redis://127.0.0.1:{port}/0: Redis " in record.getMessage()
        assert "and what it would hold is made anew (load): redis://" in record.getMessage()
        assert "hush" not in caplog.text
        await cache.close()


async def test_starting_waits_no_longer_than_it_may(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.redis.cache.STARTING", 0.1)
    async with saying(None) as port:
        cache = RedisCache(f"redis://:hush@127.0.0.1:{port}/0?socket_timeout=0.5")
        with pytest.raises(CacheUnavailable, match=r"does not answer in time: nothing within 0\.1 s"):
            await cache.load()
        await cache.close()


async def test_nothing_is_asked_for_nothing():
    cache = RedisCache(f"redis://127.0.0.1:{free_port()}/0")
    assert await cache.get("calls", [], context=CONTEXT) == {}
    await cache.put("calls", {}, context=CONTEXT)
    await cache.remove("calls", [], context=CONTEXT)
    assert await cache.forget([], context=CONTEXT) == 0
    await cache.count({}, context=CONTEXT)
    await cache.close()
