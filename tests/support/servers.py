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


class Server:
    """A server that was started. `health` answers once it is ready."""

    def __init__(self, process: subprocess.Popen[bytes], health: str, log: Path) -> None:
        self._process, self._health, self._log = process, health, log

    def ready(self, timeout: float) -> None:
        """Waits until it answers. Fails with the end of its log if it does not within `timeout` s."""
        limit = time.monotonic() + timeout
        while not _answers(self._health):
            try:
                status = self._process.wait(POLL)
            except subprocess.TimeoutExpired:
                if time.monotonic() < limit:
                    continue
                pytest.fail(f"{self._health} did not answer within {timeout:.0f} s:\n{tail(self._log)}", pytrace=False)
            pytest.fail(f"the server ended with status {status}:\n{tail(self._log)}", pytrace=False)

    def kill(self) -> None:
        """Kills it and all its processes with signal 9."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"kill")
        self._process.stdin.flush()
        self._process.wait(STOP)


@contextmanager
def started(
    command: Sequence[str | Path], *, health: str, log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Starts a server, which runs for the block, and does not wait for it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, LEASH, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
    assert process.stdin is not None
    try:
        yield Server(process, health, log)
    finally:
        process.stdin.close()
        process.wait(STOP)


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
    with started(command, health=health, log=log, environment=environment) as server:
        server.ready(timeout)
        yield


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False


def tail(log: Path) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
