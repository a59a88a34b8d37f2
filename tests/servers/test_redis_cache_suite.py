"""The cache in a real Redis does what every cache does."""

from __future__ import annotations

import gc
import secrets
from pathlib import Path

import pytest

from ragstone.connectors.redis import RedisCache
from ragstone.testing.suites.cache import CacheSuite
from redis_server import RedisServer

pytestmark = pytest.mark.servers


class _InRedis(CacheSuite):
    persistent = True
    vendors = ("redis",)

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        gc.collect()  # connections of earlier tests, which would otherwise be closed while this one is watched
        self.url, self.prefix = server.url(), secrets.token_hex(4)

    def make(self, tmp_path: Path) -> RedisCache:
        return RedisCache(self.url, prefix=self.prefix)


class TestRedisCache(_InRedis):
    """By the clock of Redis."""


class TestRedisCacheByAClock(_InRedis):
    """By a clock of the test's own, which may be put back."""

    timed = True

    def make(self, tmp_path: Path) -> RedisCache:
        made = super().make(tmp_path)
        made.clock = self.clock
        return made
