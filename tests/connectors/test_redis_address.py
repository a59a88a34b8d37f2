"""The address of a Redis: what is wrong with it is said, and nothing of it is shown that may be secret."""

from __future__ import annotations

import pytest

from ragstone.connectors.redis import RedisLedger
from ragstone.errors import ConfigError, NotConfigured
from ragstone.testing.suites.ledger import claim
from ragstone.types import Context


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
def test_a_wrong_address_is_refused_and_not_shown(url: str):
    with pytest.raises(ConfigError, match="url is no address of Redis: expected such as redis://") as caught:
        RedisLedger(url)
    said = str(caught.value).replace("redis://:password@127.0.0.1:6379/0", "")
    assert "sec" not in said


def test_without_an_address_it_is_not_configured():
    with pytest.raises(NotConfigured, match="no url is set"):
        RedisLedger(" ")


@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "a\n"])
def test_a_prefix_that_is_none_is_refused(prefix: str):
    with pytest.raises(ConfigError, match="prefix"):
        RedisLedger("redis://127.0.0.1", prefix=prefix)


def test_making_one_connects_to_nothing_and_shows_nothing():
    made = RedisLedger("redis://:hu%2Fsh@203.0.113.1:1/0")
    assert "sh@" not in repr(vars(made)) + repr(vars(made._server))


@pytest.mark.parametrize("query", ["db=x", "nosuch=1", "socket_timeout=soon"])
async def test_what_follows_an_address_is_checked_before_it_is_asked(query: str):
    ledger = RedisLedger(f"redis://:hush@127.0.0.1:1/0?{query}")
    with pytest.raises(ConfigError, match="url cannot be used") as caught:
        await ledger.reserve(claim(), context=Context())
    assert "hush" not in str(caught.value)
    await ledger.close()
