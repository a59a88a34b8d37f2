"""A real Redis, Debian's `redis-server`: on a loopback port, with a password, and never left running."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from servers import LEASH, POLL, STOP, free_port, missing, tail

PASSWORD = "it's-@-secret"
STARTING = 30.0  # seconds


class RedisServer:
    """A server with a folder of its own, which `remove` takes away. It writes down every change before it answers.

    `settings` are those of redis-server, such as `"--maxmemory", "5mb"`.

    It ends with this process, however that ends. Skips the test, or fails it where servers are required, when it is
    not installed.
    """

    def __init__(self, *settings: str) -> None:
        self._program = shutil.which("redis-server")
        if self._program is None:
            missing("redis-server", "Run: make test-servers")
        self.folder = Path(tempfile.mkdtemp(prefix="ragstone-redis-"))
        self.log = self.folder / "log"
        self.port, self._settings = free_port(), settings
        self._leash: subprocess.Popen[bytes] | None = None
        self.start()

    def url(self, *, password: str = PASSWORD) -> str:
        """Where it is reached."""
        return f"redis://:{quote(password, safe='')}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)]
        kept = ["--save", "", "--appendonly", "yes", "--appendfsync", "no"]
        with self.log.open("ab") as output:
            self._leash = subprocess.Popen(
                [sys.executable, LEASH, str(self._program), *where, *kept, "--requirepass", PASSWORD, *self._settings],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        limit = time.monotonic() + STARTING
        while not self._answers():
            if self._leash.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"Redis did not start:\n{tail(self.log)}")
            time.sleep(POLL / 5)

    def stop(self) -> None:
        """Ends it politely."""
        leash, self._leash = self._leash, None
        if leash is not None:
            assert leash.stdin is not None
            leash.stdin.close()
            leash.wait(STOP)

    def kill(self) -> None:
        """Kills it with signal 9."""
        assert self._leash is not None
        assert self._leash.stdin is not None
        self._leash.stdin.write(b"kill")
        self._leash.stdin.flush()
        self.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It is stopped meanwhile: it takes connections, and answers nothing."""
        import redis

        with redis.Redis.from_url(self.url()) as client:
            number = int(client.info("server")["process_id"])
        os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(number, signal.SIGCONT)

    def remove(self) -> None:
        """Stops it, and deletes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        import redis

        client = redis.Redis.from_url(self.url(), socket_timeout=5, retry=None)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()
