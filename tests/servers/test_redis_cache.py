"""The cache in a real Redis."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
import redis

from ragstone.connectors.redis import RedisCache
from ragstone.errors import CacheUnavailable, ConfigError
from ragstone.stored import Lease, Stored
from redis_entries import CONTEXT, KEYS, found, names, opened, put, until
from redis_server import RedisServer

pytestmark = pytest.mark.servers


@pytest.fixture
def client(server: RedisServer) -> Iterator[Any]:
    with closing(redis.Redis.from_url(server.url())) as made:
        yield made


@pytest.fixture
async def cache(server: RedisServer) -> AsyncIterator[RedisCache]:
    async with opened(server) as made:
        yield made


# ── One round trip, one step ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_thousand_keys_are_one_round_trip(cache: RedisCache, monkeypatch: pytest.MonkeyPatch):
    await cache.put("vectors", {key: Stored(value=key * 96) for key in KEYS}, context=CONTEXT)
    await cache.load()
    sent: list[object] = []
    send = redis.Connection.send_packed_command

    def counted(connection: redis.Connection, command: Any, *given: Any, **named: Any) -> None:
        sent.append(command)
        send(connection, command, *given, **named)

    monkeypatch.setattr(redis.Connection, "send_packed_command", counted)
    got = await cache.get("vectors", KEYS, context=CONTEXT)
    assert (len(got), len(sent)) == (1_000, 1)
    assert all(entry.value == key * 96 for key, entry in got.items())


async def test_what_waits_at_the_same_time_is_answered_to_each(cache: RedisCache):
    await put(cache, *KEYS[:200])
    many = await asyncio.gather(*(cache.get("calls", [key, b"none"], context=CONTEXT) for key in KEYS[:200]))
    assert [list(got) for got in many] == [[key] for key in KEYS[:200]]


def test_one_cache_serves_one_event_loop_after_the_other(server: RedisServer):
    made = RedisCache(server.url(), prefix=secrets.token_hex(4))
    asyncio.run(put(made, b"key"))
    assert asyncio.run(found(made, b"key")) == [b"key"]
    asyncio.run(made.close())
    assert asyncio.run(found(made, b"key")) == [b"key"]
    asyncio.run(made.close())


async def test_an_entry_of_fifty_megabytes_is_kept_where_that_is_wanted(server: RedisServer):
    value = os.urandom(50_000_000)
    async with opened(server, largest=50) as cache:
        await cache.put("calls", {b"key": Stored(value=value, seconds=60)}, context=CONTEXT)
        assert (await cache.get("calls", [b"key"], context=CONTEXT))[b"key"].value == value


async def test_a_key_and_a_room_may_hold_any_sign(cache: RedisCache):
    for room in ("a", "a:b", "a*", "ä \n"):
        await cache.put(room, {b":\x00\xff": Stored(value=room.encode(), tags=("\ud800",))}, context=CONTEXT)
    assert await cache.tagged("a", "\ud800", context=CONTEXT) == [b":\x00\xff"]
    assert set((await cache.stats(context=CONTEXT)).entries) == {"a", "a:b", "a*", "ä \n"}
    assert await cache.clear(["a*"], context=CONTEXT) == 1
    assert await cache.clear(["a"], context=CONTEXT) == 1
    assert await cache.forget(["\ud800"], context=CONTEXT) == 2


OTHER = struct.pack(">Bddd", 2, 9e15, 0.0, 9e15) + b"said"


@pytest.mark.parametrize("raw", [b"", b"\x01", OTHER, OTHER[:9], b"\x01" + b"\xff" * 24])
async def test_an_entry_of_another_format_is_a_miss(cache: RedisCache, client: Any, raw: bytes):
    await put(cache, b"key", tags=("tag",))
    client.set(cache._key("entry", b"calls:key"), raw)
    assert await found(cache, b"key") == []
    assert await cache.tagged("calls", "tag", context=CONTEXT) == []
    await put(cache, b"key")
    assert await found(cache, b"key") == [b"key"]


# ── What goes away by itself ────────────────────────────────────────────────────────────────────────────────────────


async def test_all_but_the_figures_has_a_time_to_live_so_that_any_policy_can_make_room(cache: RedisCache, client: Any):
    await put(cache, b"short", seconds=10, tags=("both", "short"))
    await put(cache, b"long", tags=("both",))
    lease = await cache.claim(b"key", owner="me", seconds=60, context=CONTEXT)
    assert lease is not None
    await cache.clear(["questions"], context=CONTEXT)
    await cache.count({"calls.hit": 1}, context=CONTEXT)
    year, living = 366 * 86_400, names(client, cache)
    assert living.pop("order") == living.pop("figures") == -1
    assert 9 <= living.pop("entry:calls:short") <= living.pop("tag:short") <= 10
    assert year - 60 <= living.pop("entry:calls:long") <= living.pop("tag:both") <= year
    assert 3_600 <= living.pop("lease:key") <= 3_660
    assert 3_500 <= living.pop("cleared:questions") <= 3_600
    assert not living


async def test_a_set_of_tags_lives_as_long_as_the_last_of_its_entries(cache: RedisCache, client: Any):
    await put(cache, b"long", seconds=1_000, tags=("tag",))
    await put(cache, b"short", seconds=10, tags=("tag",))
    assert 990 <= names(client, cache)["tag:tag"] <= 1_000


async def test_ten_thousand_entries_expire_and_leave_nothing(cache: RedisCache, client: Any):
    for first in range(10):
        entries = {
            bytes([first]) + key: Stored(value=key, seconds=2, tags=("all", f"part:{first}", f"own:{first}{key.hex()}"))
            for key in KEYS
        }
        await cache.put("calls", entries, context=CONTEXT)
    await until(lambda: set(names(client, cache)) == {"order"})
    assert (await cache.stats(context=CONTEXT)).entries == {}
    assert await cache.tagged("calls", "all", context=CONTEXT) == []


async def test_a_tag_that_is_used_for_ever_does_not_grow(cache: RedisCache, client: Any):
    for number in range(100):
        keys = [bytes([number]) + key for key in KEYS[:50]]
        await put(cache, *keys, tags=("tenant:one",))
        await cache.remove("calls", keys, context=CONTEXT)
    assert client.zcard(cache._key("tag", "tenant:one")) <= 200


async def test_leases_leave_no_counters_behind(cache: RedisCache, client: Any):
    for key in KEYS[:100]:
        lease = await cache.claim(key, owner="me", seconds=0.001, context=CONTEXT)
        assert lease is not None
        client.delete(cache._key("lease", key))
    assert set(names(client, cache)) == {"order"}


# ── Removing ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_replaced_without_a_tag_is_not_forgotten_by_it(cache: RedisCache):
    await put(cache, b"old", b"new", tags=("tag", "other"))
    await put(cache, b"new", tags=("other",))
    assert await cache.forget(["tag"], context=CONTEXT) == 1
    assert await found(cache, b"old", b"new") == [b"new"]
    await put(cache, b"new", tags=("tag",))
    await put(cache, b"new")
    assert await cache.tagged("calls", "tag", context=CONTEXT) == []


async def test_thousands_are_forgotten_and_listed_in_portions(cache: RedisCache):
    keys = [bytes([number]) + key for number in range(3) for key in KEYS]
    for first in range(0, 3_000, 600):
        await put(cache, *keys[first : first + 600], tags=("tag",))
    assert await cache.tagged("calls", "tag", context=CONTEXT) == keys
    assert await cache.forget(["none", "tag"], context=CONTEXT) == 3_000
    assert await found(cache, *keys) == []


async def test_what_comes_while_it_is_forgotten_stays(cache: RedisCache):
    await put(cache, *KEYS, b"old", tags=("tag",))
    ((bound, gone, more),) = await cache._long.do(cache._call("forget", "tag", b""))
    await put(cache, b"new", tags=("tag",))
    assert (gone, more) == (1_000, 1)
    ((_, gone, more),) = await cache._long.do(cache._call("forget", "tag", bound))
    assert (gone, more) == (1, 0)
    assert await cache.tagged("calls", "tag", context=CONTEXT) == [b"new"]


async def test_clearing_takes_effect_at_once_and_spares_what_comes_after(cache: RedisCache):
    await put(cache, *KEYS, tags=("tag",))
    (bound,) = await cache._long.do(cache._call("clear", "calls"))
    assert await found(cache, *KEYS) == [], "nothing is removed yet, and nothing is found"
    assert await cache.tagged("calls", "tag", context=CONTEXT) == []
    await put(cache, b"new", tags=("tag",))
    assert await cache._swept(cache._pattern("entry"), bound) == 1_000
    assert await found(cache, *KEYS, b"new") == [b"new"]
    assert await cache.tagged("calls", "tag", context=CONTEXT) == [b"new"]


async def test_clearing_everything_leaves_no_names_of_documents(cache: RedisCache, client: Any):
    for number in range(3):
        await put(cache, *KEYS, tags=(f"document:{number}", "tenant:one"))
    assert await cache.clear(context=CONTEXT) == 1_000
    assert set(names(client, cache)) == {"order", "cleared"}


async def test_a_prefix_with_signs_of_a_pattern_clears_nothing_of_others(server: RedisServer):
    one, other = (RedisCache(server.url(), prefix=prefix) for prefix in ("a*[b]?\\", "a[x]b?\\"))
    for made in (one, other):
        await put(made, b"key")
    assert await one.clear(context=CONTEXT) == 1
    assert await found(other, b"key") == [b"key"]
    assert await other.clear(context=CONTEXT) == 1
    for made in (one, other):
        await made.close()


async def test_many_entries_are_estimated_from_some(cache: RedisCache, client: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.redis.cache.SAMPLE", 10_000)
    client.flushdb()
    for number in range(30):
        entries = {bytes([number]) + key: Stored(value=key) for key in KEYS}
        await cache.put("vectors" if number % 3 else "calls", entries, context=CONTEXT)
    stats = await cache.stats(context=CONTEXT)
    assert stats.entries == pytest.approx({"vectors": 20_000, "calls": 10_000}, rel=0.1)
    assert stats.size == pytest.approx({"vectors": 320_000, "calls": 160_000}, rel=0.1)
    assert await cache.clear(["calls"], context=CONTEXT) == 10_000


# ── Leases ──────────────────────────────────────────────────────────────────────────────────────────────────────────

WORKER = """
import asyncio, json, sys, time
from ragstone.connectors.redis import RedisCache
from ragstone.stored import Stored
from ragstone.types import Context

async def main(url, prefix, owner, hangs):
    cache, context = RedisCache(url, prefix=prefix), Context()
    print("ready", flush=True)
    sys.stdin.readline()
    while (lease := await cache.claim(b"key", owner=owner, seconds=1.0, context=context)) is None:
        await asyncio.sleep(0.02)
    print(json.dumps([lease.owner, lease.fence]), flush=True)
    if hangs:
        time.sleep(1_000)
    await cache.put("calls", {b"key": Stored(value=owner.encode(), tags=("tag",))}, lease=lease, context=context)
    await cache.release(lease, context=context)
    await cache.close()

asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[3] == "first"))
"""


async def test_where_the_holder_is_killed_another_process_takes_over(server: RedisServer, cache: RedisCache):
    def started(owner: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WORKER, server.url(), cache._prefix.strip("{}"), owner]
        made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert made.stdout is not None
        assert made.stdout.readline() == "ready\n"
        return made

    def told(process: subprocess.Popen[str]) -> Lease:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("go\n")
        process.stdin.flush()
        return Lease(b"key", *json.loads(process.stdout.readline()))

    first, second = started("first"), started("second")
    with first, second:
        dead = await asyncio.to_thread(told, first)
        first.kill()
        heir = await asyncio.to_thread(told, second)
        assert second.wait(30) == 0
    assert heir.fence > dead.fence
    await cache.put("calls", {b"key": Stored(value=b"first")}, lease=dead, context=CONTEXT)
    assert (await cache.get("calls", [b"key"], context=CONTEXT))[b"key"].value == b"second"
    assert (await cache.stats(context=CONTEXT)).entries == {"calls": 1}


async def test_of_a_hundred_who_claim_at_once_one_gets_it(server: RedisServer, cache: RedisCache):
    async with opened(server) as other:
        other._prefix = cache._prefix
        claims = [
            one.claim(b"key", owner=f"{number}", seconds=60, context=CONTEXT)
            for number in range(50)
            for one in (cache, other)
        ]
        leases = [lease for lease in await asyncio.gather(*claims) if lease is not None]
        assert len({(lease.owner, lease.fence) for lease in leases}) == 1


async def test_fences_go_on_rising_when_redis_has_evicted_what_it_knew_of_them(cache: RedisCache, client: Any):
    fences: list[int] = []
    for lost in ([], ["order"], ["lease:key"], ["order", "lease:key"]):
        for name in lost:
            client.delete(cache._key(name))
        lease = await cache.claim(b"key", owner=secrets.token_hex(4), seconds=0.001, context=CONTEXT)
        assert lease is not None
        fences.append(lease.fence)
        await asyncio.sleep(0.002)
    assert fences == sorted(set(fences))


async def test_who_comes_back_when_the_lease_is_no_longer_known_keeps_nothing(cache: RedisCache, client: Any):
    lease = await cache.claim(b"key", owner="me", seconds=60, context=CONTEXT)
    client.delete(cache._key("lease", "key"))
    await cache.put("calls", {b"key": Stored(value=b"said")}, lease=lease, context=CONTEXT)
    assert await found(cache, b"key") == []


async def test_a_clock_that_is_put_back_hides_what_is_of_the_future_and_frees_its_leases(cache: RedisCache):
    cache.clock = lambda: 1e9
    await put(cache, b"key", seconds=60, tags=("tag",))
    lease = await cache.claim(b"key", owner="me", seconds=60, context=CONTEXT)
    assert lease is not None
    cache.clock = lambda: 1e9 - 3_600
    assert await found(cache, b"key") == []
    assert await cache.tagged("calls", "tag", context=CONTEXT) == []
    again = await cache.claim(b"key", owner="other", seconds=60, context=CONTEXT)
    assert again is not None
    assert again.fence > lease.fence
    await put(cache, b"key", seconds=60)
    assert await found(cache, b"key") == [b"key"]


async def test_an_entry_that_is_too_large_is_refused(server: RedisServer):
    async with opened(server) as cache:
        with pytest.raises(CacheUnavailable, match="too large") as caught:
            await cache.put("calls", {b"key": Stored(value=bytes(5_000_001))}, context=CONTEXT)
        assert caught.value.reason == "large"
        await cache.put("calls", {b"key": Stored(value=bytes(5_000_000))}, context=CONTEXT)
        assert len((await cache.get("calls", [b"key"], context=CONTEXT))[b"key"].value) == 5_000_000


@pytest.mark.parametrize("several", [False, True])
async def test_one_that_somebody_else_has_put_there_is_not_there_and_is_removed(server: RedisServer, *, several: bool):
    async with opened(server) as cache:
        await put(cache, *KEYS[:20])
        with redis.Redis.from_url(server.url()) as client:
            (name,) = (each for each in client.scan_iter(f"{cache._prefix}:*") if each.endswith(KEYS[0]))
            client.append(name, bytes(50_000_000))
            asked = KEYS[:20] if several else KEYS[:1]
            assert await found(cache, *asked) == asked[1:]
            assert not client.exists(name)


def test_the_largest_entry_has_a_size():
    with pytest.raises(ConfigError, match="too small"):
        RedisCache("redis://127.0.0.1:1", largest=0)
