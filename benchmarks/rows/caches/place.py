"""Where a cache keeps things: a new folder, or a new Redis, which is the one that is installed and writes no file."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["place"]

STARTS = 30.0  # seconds


@contextmanager
def place(name: str) -> Iterator[str]:
    """For a name with "redis" in it the URL of a Redis, else a folder."""
    with tempfile.TemporaryDirectory() as folder:
        if "redis" not in name:
            yield folder
            return
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        program = shutil.which("redis-server")
        assert program is not None
        command = [program, "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        process = subprocess.Popen([*command, "--appendonly", "no"], stdout=subprocess.DEVNULL)
        try:
            _wait(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            process.terminate()
            process.wait()


def _wait(port: int) -> None:
    limit = time.monotonic() + STARTS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > limit:
                raise
            time.sleep(0.05)
        else:
            return
