"""Starts a real server for tests: on a free loopback port, with its log kept, and never left running.

>>> with running(["chroma", "run", "--port", str(port)], health=f"http://127.0.0.1:{port}/api/v2/heartbeat", log=log):
...     ...
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

LEASH = Path(__file__).with_name("leash.py")
POLL = 0.25  # seconds between two looks at a server that is starting
STOP = 30.0  # seconds that a server may take to end
LOG_LINES = 60


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def missing(what: str, how: str) -> NoReturn:
    """Skips the test, or fails it where the servers are required (`make test-servers`, `make test-vllm`)."""
    message = f"{what} is not here. {how}"
    if os.environ.get("RAGSTONE_REQUIRE_SERVERS") == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@contextmanager
def running(
    command: Sequence[str | Path],
    *,
    health: str,
    log: Path,
    timeout: float = 60.0,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Runs a server for the block. Fails with the end of its log if `health` does not answer within `timeout` s."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, LEASH, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    assert server.stdin is not None
    try:
        _wait_until_healthy(server, health, log, timeout)
        yield
    finally:
        server.stdin.close()
        server.wait(STOP)


def _wait_until_healthy(server: subprocess.Popen[bytes], health: str, log: Path, timeout: float) -> None:
    limit = time.monotonic() + timeout
    while not _answers(health):
        try:
            status = server.wait(POLL)
        except subprocess.TimeoutExpired:
            if time.monotonic() < limit:
                continue
            pytest.fail(f"{health} did not answer within {timeout:.0f} s:\n{tail(log)}", pytrace=False)
        pytest.fail(f"the server ended with status {status}:\n{tail(log)}", pytrace=False)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
