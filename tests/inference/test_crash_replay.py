"""A worker dies again and again, and the ledger comes to what the upstream has counted, to the token."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crash_replay import Replayed, replay
from redis_server import RedisServer
from servers import free_port, running

NUMBER, KILLS = 1_200, 12


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[str]:
    port, script = free_port(), Path(__file__).parents[1] / "support/mock_upstream.py"
    command = [sys.executable, script, "--port", str(port), "--think", "0.003", "--words", "30"]
    with running(command, health=f"http://127.0.0.1:{port}/health", log=tmp_path / "upstream.log"):
        yield f"http://127.0.0.1:{port}/v1"


def check(found: Replayed) -> None:
    assert found.calls >= NUMBER * 0.9, "but for those whose caller left before they were sent"
    assert found.kills >= 3
    assert found.open > 0, "the kills have left something"
    assert found.too_little == []
    assert found.after == found.log
    assert found.reconciled.left == 0


@pytest.mark.slow
async def test_a_ledger_in_a_file_comes_to_what_the_upstream_has_counted(tmp_path: Path, upstream: str):
    check(await replay(tmp_path, str(tmp_path / "ledger.db"), upstream, number=NUMBER, kills=KILLS))


@pytest.mark.servers
async def test_a_ledger_in_redis_comes_to_what_the_upstream_has_counted(tmp_path: Path, upstream: str):
    server = RedisServer()
    try:
        place = f"{server.url()} {secrets.token_hex(4)}"
        check(await replay(tmp_path, place, upstream, number=NUMBER, kills=KILLS))
    finally:
        server.remove()
