"""What goes wrong with a real Redis: a cache says it in one line, and goes on when Redis does."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TypeAlias

import pytest
import redis

from ragstone.caching.spared import SparedCache
from ragstone.connectors.redis import RedisCache
from ragstone.errors import CacheUnavailable
from ragstone.stored import Stored
from redis_entries import CONTEXT, KEYS, found, names, opened, put, until
from redis_server import PASSWORD, RedisServer
from servers import free_port

pytestmark = pytest.mark.servers

Start: TypeAlias = Callable[..., RedisServer]


@pytest.fixture
def own() -> Iterator[Start]:
    """Starts a Redis of the test's own, with these settings."""
    made: list[RedisServer] = []

    def start(*settings: str) -> RedisServer:
        made.append(RedisServer(*settings))
        return made[-1]

    yield start
    for server in made:
        server.remove()


async def test_a_redis_that_is_killed_is_asked_again_when_it_is_back(own: Start):
    server = own()
    async with opened(server) as made:
        await put(made, b"key")
        lease = await made.claim(b"key", owner="me", seconds=60, context=CONTEXT)
        server.kill()
        for call in (found(made, b"key"), put(made, b"other"), made.claim(b"x", owner="y", seconds=1, context=CONTEXT)):
            with pytest.raises(CacheUnavailable, match="Redis cannot be reached") as caught:
                await call
            assert caught.value.reason == "down"
        server.start()  # with nothing in its cache of scripts
        assert await made.claim(b"key", owner="me", seconds=60, context=CONTEXT) == lease
        await put(made, b"other")
        assert await found(made, b"key", b"other") == [b"key", b"other"]


async def test_a_redis_that_is_stopped_is_slow_and_answers_again_when_it_goes_on(own: Start):
    server = own()
    async with opened(server, "?socket_timeout=0.3") as made:
        await put(made, b"key")
        with server.paused():
            for call in (found(made, b"key"), put(made, b"other")):
                with pytest.raises(CacheUnavailable, match="Redis does not answer in time") as caught:
                    await call
                assert caught.value.reason == "slow"
        assert await found(made, b"key") == [b"key"]
        await put(made, b"new")
        assert await found(made, b"new") == [b"new"]


async def test_a_client_that_is_paused_waits_no_longer_than_it_may(own: Start):
    server = own()
    async with opened(server, "?socket_timeout=0.3") as made:
        await put(made, b"key")
        with closing(redis.Redis.from_url(server.url())) as client:
            client.client_pause(100_000, all=False)  # writes alone
            with pytest.raises(CacheUnavailable, match="Redis does not answer in time"):
                await put(made, b"other")
            assert await found(made, b"key") == [b"key"]
            client.client_unpause()
        await put(made, b"new")
        assert await found(made, b"new") == [b"new"]


async def test_a_redis_that_starts_after_the_app_is_found(own: Start):
    server = own()
    server.stop()
    async with opened(server) as made:
        with pytest.raises(CacheUnavailable, match="cannot be reached"):
            await made.load()
        server.start()
        await put(made, b"key")
        assert await found(made, b"key") == [b"key"]


async def test_a_wrong_password_is_said_and_not_shown(own: Start, caplog: pytest.LogCaptureFixture):
    server = own()
    made = RedisCache(server.url(password="wrong-@-word"))
    spared = SparedCache(made)
    with pytest.raises(CacheUnavailable, match=rf"redis://127.0.0.1:{server.port}/0: Redis refused the user") as caught:
        await found(made, b"key")
    with caplog.at_level(logging.WARNING):
        await spared.load()
        assert await found(spared, b"key") == []
    (record,) = caplog.records
    for said in (str(caught.value), record.getMessage(), repr(made)):
        assert "wrong-" not in said
        assert PASSWORD not in said
    await made.close()


async def test_a_user_who_may_only_read_is_told_so(own: Start):
    server = own()
    with closing(redis.Redis.from_url(server.url())) as client:
        client.acl_setuser("reader", enabled=True, passwords=["+read"], keys=["*"], commands=["+@read", "+@connection"])
    url = f"redis://reader:read@127.0.0.1:{server.port}/0"
    made = RedisCache(url, prefix=secrets.token_hex(4))
    with pytest.raises(CacheUnavailable, match="refused the user or the password, or what they may do"):
        await put(made, b"key")
    await made.close()


async def test_a_replica_gives_and_takes_nothing(own: Start):
    server = own()
    async with opened(server) as made:
        await put(made, b"key")
        with closing(redis.Redis.from_url(server.url())) as client:
            client.replicaof("127.0.0.1", 1)
        with pytest.raises(CacheUnavailable, match=r"Redis cannot keep the cache: .*read only") as caught:
            await put(made, b"other")
        assert caught.value.reason == "down"
        assert await found(made, b"key", b"other") == [b"key"]


async def test_a_full_redis_that_may_evict_lets_go_of_what_is_old(own: Start):
    server = own("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "no")
    async with opened(server) as made:
        fence = 0
        for number in range(40):
            entries = {bytes([number]) + key: Stored(value=bytes(1_000), tags=("tag",)) for key in KEYS[:500]}
            await made.put("calls", entries, context=CONTEXT)
            lease = await made.claim(b"key", owner=f"{number}", seconds=0.0, context=CONTEXT)
            assert lease is not None
            assert lease.fence > fence
            fence = lease.fence
        newest = list(entries)
        assert len(await found(made, *newest)) > 400
        assert sum((await made.stats(context=CONTEXT)).entries.values()) < 8_000
        with closing(redis.Redis.from_url(server.url())) as client:
            assert client.info("stats")["evicted_keys"] > 10_000


async def test_a_full_redis_that_may_not_evict_says_so_and_can_be_cleared(own: Start):
    server = own("--maxmemory-policy", "noeviction")
    async with opened(server) as made:
        await put(made, b"key", tags=("tag",))
        await put(made, b"other", tags=("another",))
        lease = await made.claim(b"lease", owner="me", seconds=60, context=CONTEXT)
        assert lease is not None
        with closing(redis.Redis.from_url(server.url())) as client:
            client.config_set("maxmemory", "1kb")
            before = names(client, made)
            for call in (put(made, b"new", tags=("new",)), made.claim(b"x", owner="me", seconds=1, context=CONTEXT)):
                with pytest.raises(CacheUnavailable, match=r"Redis is full\. Set its maxmemory-policy") as caught:
                    await call
                assert caught.value.reason == "full"
            assert set(names(client, made)) == set(before), "nothing was done by halves"
            assert await found(made, b"key", b"new") == [b"key"]
            await made.release(lease, context=CONTEXT)
            assert await made.forget(["tag"], context=CONTEXT) == 1
            assert await made.clear(context=CONTEXT) == 1
            client.config_set("maxmemory", "0")
        await put(made, b"new")
        assert await found(made, b"key", b"new") == [b"new"]


async def test_in_a_cluster_all_keys_lie_together(own: Start):
    server = own("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with closing(redis.Redis.from_url(server.url())) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        await until(lambda: b"cluster_state:ok" in client.execute_command("CLUSTER", "INFO"))
    async with opened(server) as made:
        await put(made, *KEYS, tags=("tag", "other"))
        lease = await made.claim(b"key", owner="me", seconds=60, context=CONTEXT)
        assert lease is not None
        await made.put("calls", {b"new": Stored(value=b"said")}, lease=lease, context=CONTEXT)
        await made.remove("calls", KEYS[:10], context=CONTEXT)
        assert len(await found(made, *KEYS, b"new")) == 991
        assert len(await made.tagged("calls", "tag", context=CONTEXT)) == 990
        assert (await made.stats(context=CONTEXT)).entries == {"calls": 991}
        assert await made.forget(["tag"], context=CONTEXT) == 990
        assert await made.clear(context=CONTEXT) == 1
