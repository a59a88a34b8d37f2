"""The ledger in a real Redis."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ragstone.connectors.redis import RedisLedger
from ragstone.testing.suites import LedgerSuite
from redis_server import RedisServer

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    made = RedisServer()
    try:
        yield made
    finally:
        made.remove()


class TestRedisLedger(LedgerSuite):
    vendors = ("redis",)

    @pytest.fixture(autouse=True)
    def _server(self, server: RedisServer) -> None:
        self.url, self.prefix = server.url(), secrets.token_hex(4)

    def make(self, tmp_path: Path) -> RedisLedger:
        return RedisLedger(self.url, prefix=self.prefix)
