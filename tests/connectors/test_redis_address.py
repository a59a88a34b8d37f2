"""The address of a Redis: what is wrong with it is said, and nothing of it is shown that may be secret."""

from __future__ import annotations

import importlib.util
from typing import TypeAlias

import pytest

from ragstone.connectors.redis import RedisCache, RedisLedger
from ragstone.errors import ConfigError, MissingExtra, NotConfigured
from ragstone.testing.suites.ledger import claim
from ragstone.types import Context

Kind: TypeAlias = type[RedisCache] | type[RedisLedger]

either = pytest.mark.parametrize("kind", [RedisCache, RedisLedger])


@either
@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        "http://:secret@localhost",
        "redis://",
        "redis://:sec/ret@localhost:6379",
        "redis://:sec#ret@localhost:6379",
        "redis://:sec?ret@localhost:6379",
        "redis://:secret@localhost:port",
        "redis://:sec[ret@localhost",
    ],
)
def test_a_wrong_address_is_refused_and_not_shown(kind: Kind, url: str):
    with pytest.raises(ConfigError, match="url is no address of Redis: expected such as redis://") as caught:
        kind(url)
    said = str(caught.value).replace("redis://:password@127.0.0.1:6379/0", "")
    assert "sec" not in said


@either
def test_without_an_address_it_is_not_configured(kind: Kind):
    with pytest.raises(NotConfigured, match="no url is set"):
        kind(" ")


@either
def test_without_the_package_it_says_which_one_to_install(kind: Kind, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"needs the package 'redis'\. Run: pip install 'ragstone\[redis\]'"):
        kind("redis://127.0.0.1")


@either
@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "a\n"])
def test_a_prefix_that_is_none_is_refused(kind: Kind, prefix: str):
    with pytest.raises(ConfigError, match="prefix"):
        kind("redis://127.0.0.1", prefix=prefix)


def test_making_one_connects_to_nothing_and_shows_nothing():
    url = "redis://:hu%2Fsh@203.0.113.1:1/0"
    ledger, cache = RedisLedger(url), RedisCache(url)
    assert "sh@" not in "".join(repr(vars(one)) for one in (ledger, ledger._server, cache, cache._short, cache._long))


@pytest.mark.parametrize("query", ["db=x", "nosuch=1", "socket_timeout=soon"])
async def test_what_follows_an_address_is_checked_before_it_is_asked(query: str):
    ledger = RedisLedger(f"redis://:hush@127.0.0.1:1/0?{query}")
    with pytest.raises(ConfigError, match="url cannot be used") as caught:
        await ledger.reserve(claim(), context=Context())
    assert "hush" not in str(caught.value)
    await ledger.close()


@pytest.mark.parametrize("query", ["db=x", "nosuch=1", "socket_timeout=soon"])
async def test_a_cache_with_a_wrong_setting_is_refused_when_it_is_loaded(query: str):
    cache = RedisCache(f"redis://:hush@127.0.0.1:1/0?{query}")
    with pytest.raises(ConfigError, match="url cannot be used") as caught:
        await cache.load()
    assert "hush" not in str(caught.value)
    await cache.close()
