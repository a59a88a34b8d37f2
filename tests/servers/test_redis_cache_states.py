"""Whatever is done with a cache in Redis, it comes to what the cache in memory comes to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule, run_state_machine_as_test

from ragstone.connectors.redis import RedisCache
from ragstone.stored import Lease, Stored
from ragstone.testing import MemoryCache
from ragstone.types import Context
from redis_server import RedisServer

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CONTEXT = Context()
T = TypeVar("T")

rooms = st.sampled_from(["calls", "vectors", "a:b"])
keys = st.sampled_from([b"", b"one", b"two", b":\x00\xff"])
tags = st.sampled_from(["tenant:a", "document:x", ""])
owners = st.sampled_from(["me", "you"])
seconds = st.sampled_from([-1.0, 0.0, 50.0, 500.0])  # of a clock of the test's own: in Redis' time nothing expires
entries = st.dictionaries(
    keys,
    st.builds(
        Stored,
        value=st.binary(max_size=5),
        seconds=st.none() | seconds,
        tags=st.lists(tags, max_size=3, unique=True).map(tuple),
    ),
    max_size=4,
)


class Both(RuleBasedStateMachine):
    """Does the same with both."""

    server: ClassVar[RedisServer]
    leases = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1e9
        self.runner = asyncio.Runner()
        self.redis = RedisCache(self.server.url(), prefix=secrets.token_hex(6))
        self.memory = MemoryCache(clock=lambda: self.now)
        self.redis.clock = lambda: self.now
        self.fences: dict[bytes, dict[int, int]] = {}  # by key: those in Redis by those in memory

    def teardown(self) -> None:
        self.wait(self.redis.clear(context=CONTEXT))
        self.wait(self.redis.close())
        self.runner.close()

    def wait(self, coming: Awaitable[T]) -> T:
        async def come() -> T:
            return await coming

        return self.runner.run(come())

    def same(self, method: str, *given: Any, **named: Any) -> None:
        one, other = (
            self.wait(getattr(cache, method)(*given, **named, context=CONTEXT)) for cache in (self.redis, self.memory)
        )
        assert one == other

    @initialize()
    def nothing(self) -> None:
        self.same("stats")

    @rule(room=rooms, entries=entries)
    def put(self, room: str, entries: dict[bytes, Stored]) -> None:
        self.same("put", room, entries)

    @rule(room=rooms, wanted=st.lists(keys))
    def get(self, room: str, wanted: list[bytes]) -> None:
        self.same("get", room, wanted)

    @rule(room=rooms, gone=st.lists(keys))
    def remove(self, room: str, gone: list[bytes]) -> None:
        self.same("remove", room, gone)

    @rule(some=st.lists(tags, max_size=2))
    def forget(self, some: list[str]) -> None:
        self.same("forget", some)

    @rule(room=rooms, tag=tags)
    def tagged(self, room: str, tag: str) -> None:
        self.same("tagged", room, tag)

    @rule(some=st.lists(rooms, max_size=2))
    def clear(self, some: list[str]) -> None:
        self.same("clear", some)

    @rule(figures=st.dictionaries(st.sampled_from(["calls.hit", "calls.miss"]), st.integers(-5, 5)))
    def count(self, figures: dict[str, int]) -> None:
        self.same("count", figures)

    @rule()
    def stats(self) -> None:
        self.same("stats")

    @rule(passed=st.sampled_from([0.5, 49.0, 51.0, 600.0]))
    def go_on(self, passed: float) -> None:
        self.now += passed

    @rule(target=leases, key=keys, owner=owners, seconds=seconds)
    def claim(self, key: bytes, owner: str, seconds: float) -> tuple[Lease, Lease] | None:
        one = self.wait(self.redis.claim(key, owner=owner, seconds=seconds, context=CONTEXT))
        other = self.wait(self.memory.claim(key, owner=owner, seconds=seconds, context=CONTEXT))
        if one is None or other is None:
            assert one is other
            return None
        assert (one.key, one.owner) == (other.key, other.owner)
        fences = self.fences.setdefault(key, {})
        assert one.fence == fences.setdefault(other.fence, one.fence)
        assert one.fence == max(fences.values())
        return one, other

    @rule(room=rooms, entries=entries, pair=leases)
    def put_with_a_lease(self, room: str, entries: dict[bytes, Stored], pair: tuple[Lease, Lease] | None) -> None:
        if pair is not None:
            self.wait(self.redis.put(room, entries, lease=pair[0], context=CONTEXT))
            self.wait(self.memory.put(room, entries, lease=pair[1], context=CONTEXT))
            self.same("get", room, list(entries))

    @rule(pair=consumes(leases))
    def release(self, pair: tuple[Lease, Lease] | None) -> None:
        if pair is not None:
            self.wait(self.redis.release(pair[0], context=CONTEXT))
            self.wait(self.memory.release(pair[1], context=CONTEXT))


def test_it_comes_to_what_the_cache_in_memory_comes_to(server: RedisServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.redis.cache.READING", 60.0)  # a busy machine is no difference
    Both.server = server
    run_state_machine_as_test(Both, settings=settings(max_examples=150, stateful_step_count=40))
