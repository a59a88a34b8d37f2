"""The ledger in a real Redis."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings

from ledger_trials import CONTEXT, Clock, End, Reserve, Wait, check_processes, compare, spent_by_processes, trials
from ragstone.connectors.redis import RedisLedger
from ragstone.errors import LedgerUnavailable, RateLimited, StateError, StorageFull
from ragstone.terms import Limit
from ragstone.testing.suites import LedgerSuite
from ragstone.testing.suites.ledger import claim
from ragstone.usage import Usage
from redis_server import PASSWORD, RedisServer

pytestmark = pytest.mark.servers


class TestRedisLedger(LedgerSuite):
    vendors = ("redis",)

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.url, self.prefix = server.url(), secrets.token_hex(4)

    def make(self, tmp_path: Path) -> RedisLedger:
        return RedisLedger(self.url, prefix=self.prefix)


def ledger(server: RedisServer) -> RedisLedger:
    return RedisLedger(server.url(), prefix=secrets.token_hex(4))


@given(trials)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_hundred_at_once_are_as_one_after_the_other(server: RedisServer, acts: list[Reserve | End | Wait]):
    async def run() -> None:
        clock, made = Clock(), ledger(server)
        made.clock = clock
        try:
            await compare(made, acts, clock)
        finally:
            await made.close()

    asyncio.run(run())


async def test_several_processes_never_overspend_together(server: RedisServer):
    prefix = secrets.token_hex(4)
    made = (
        f"from ragstone.connectors.redis import RedisLedger\nledger = RedisLedger({server.url()!r}, prefix={prefix!r})"
    )
    await check_processes(RedisLedger(server.url(), prefix=prefix), spent_by_processes(made))


LIMITS = (Limit(number=10, of="requests"),)


async def taken(made: RedisLedger, number: int) -> int:
    calls = (made.reserve(claim(limits=LIMITS), context=CONTEXT) for _ in range(number))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert all(outcome is None or isinstance(outcome, RateLimited) for outcome in outcomes), outcomes
    return outcomes.count(None)


@pytest.mark.parametrize("jump", [-1.0, -3_600.0, -1e9])
async def test_a_clock_that_is_put_back_freezes_no_limit_and_opens_none(server: RedisServer, jump: float):
    made, clock = ledger(server), Clock(1e9 + 0.5)
    made.clock = clock
    assert await taken(made, 20) == 10
    clock.now += jump
    assert await taken(made, 20) == 0
    clock.now += 61
    assert await taken(made, 20) == 10
    await made.close()


async def test_what_limits_hold_goes_away_by_itself(server: RedisServer):
    made, client = ledger(server), redis.Redis.from_url(server.url())
    await taken(made, 3)
    keys = [key for key in client.keys("*rate*") if made._prefix.encode() in key]
    assert len(keys) == 1
    assert 0 < client.ttl(keys[0]) <= 121
    client.close()
    await made.close()


async def test_the_ledger_is_there_again_when_redis_is():
    server = RedisServer()
    made, one, lost = ledger(server), claim(), claim()
    try:
        await made.reserve(one, context=CONTEXT)
        server.stop()
        with pytest.raises(LedgerUnavailable, match="Redis cannot be reached") as caught:
            await made.reserve(lost, context=CONTEXT)
        assert PASSWORD not in str(caught.value)
        assert caught.value.retryable
        assert not caught.value.elsewhere
        with pytest.raises(LedgerUnavailable):
            await made.open(context=CONTEXT)
        server.start()  # with nothing in its cache of scripts
        await made.settle(one, Usage(input_tokens=7), nano=7, reported=True, context=CONTEXT)
        (row,) = await made.spent(since=one.day, until=one.day, context=CONTEXT)
        assert (row.requests, row.nano) == (1, 7)
        assert list(await made.open(context=CONTEXT)) == []
    finally:
        await made.close()
        server.remove()


async def test_a_wrong_password_is_said_and_not_shown(server: RedisServer):
    made = RedisLedger(server.url(password="wrong-@-word"))
    with pytest.raises(StateError, match=rf"redis://127.0.0.1:{server.port}/0: Redis refused the user") as caught:
        await made.reserve(claim(), context=CONTEXT)
    assert "wrong-" not in str(caught.value)
    assert "wrong-" not in repr(made)
    await made.close()


async def test_a_redis_that_is_full_says_so(server: RedisServer):
    made, client, one = ledger(server), redis.Redis.from_url(server.url()), claim()
    await made.reserve(one, context=CONTEXT)
    client.config_set("maxmemory", "1kb")
    try:
        with pytest.raises(StorageFull, match="Redis is full"):
            await made.reserve(claim(), context=CONTEXT)
        with pytest.raises(StorageFull):
            await made.settle(one, Usage(input_tokens=7), nano=7, reported=True, context=CONTEXT)
        assert list(await made.open(context=CONTEXT)) == [one], "nothing was done by halves"
    finally:
        client.config_set("maxmemory", "0")
        client.close()
        await made.close()


async def test_several_ledgers_in_one_redis_know_nothing_of_each_other(server: RedisServer):
    first, second = ledger(server), ledger(server)
    await first.reserve(claim(), context=CONTEXT)
    assert list(await second.open(context=CONTEXT)) == []
    for made in (first, second):
        await made.close()
