"""Lets worker processes read files, with a limit of time and of memory, so that no file takes the run down."""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from ragstone.errors import ParseError
from ragstone.ingestion import frames
from ragstone.ingestion.read import Part, read

__all__ = ["Here", "Workers"]

MOST = min(4, os.cpu_count() or 1)
TIMEOUT = 120.0
MEMORY = 1_000_000_000
COMMAND = (sys.executable, "-m", "ragstone.ingestion.worker")


class Here:
    """Reads in this process, without limits: for tests, and where no process can be started."""

    def __init__(self, settings: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.settings = settings or {}

    def start(self, readers: int = 1) -> None:
        """Nothing is slow to start here."""

    def read(self, data: bytes, uri: str, *, media_type: str = "") -> Sequence[Part]:
        """The file and what lies inside it. Raises ParseError when the file itself cannot be read."""
        return read(data, uri, media_type=media_type, settings=self.settings)


class Workers:
    """Reads each file in one of a few processes, which the whole program shares and which end with it.

    `timeout` is in seconds and `memory` in bytes, for one file. `settings` are the keys of each parser, by its name.
    """

    def __init__(
        self,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        timeout: float = TIMEOUT,
        memory: int = MEMORY,
        command: Sequence[str] = COMMAND,
    ) -> None:
        self.settings, self.timeout = settings or {}, timeout
        self._pool = _pool((*command, str(memory)))

    def start(self, readers: int = 1) -> None:
        """Lets so many processes wait; a new one imports what it needs while its parent does other things."""
        with self._pool.room:
            waiting = [self._pool.taken() for _ in range(min(readers, MOST))]
            self._pool.idle += waiting

    def read(self, data: bytes, uri: str, *, media_type: str = "") -> Sequence[Part]:
        """The file and what lies inside it. Raises ParseError when the file itself cannot be read. It blocks."""
        request = {"uri": uri, "media_type": media_type, "settings": self.settings}
        with self._pool.room:
            worker = self._pool.taken()
            try:
                answer = worker.answer(request, data, self.timeout)
            except BaseException:
                worker.end()
                raise
            self._pool.idle.append(worker)
        if "error" in answer:
            raise frames.error_from(answer["error"])
        return frames.parts_from(answer["parts"])


class _Worker:
    """One process."""

    def __init__(self, command: Sequence[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def answer(self, request: Mapping[str, Any], data: bytes, timeout: float) -> dict[str, Any]:
        """What it says to a request. Raises ParseError when it takes too long, or breaks."""
        uri = str(request["uri"])
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(timeout, stop)
        timer.daemon = True
        timer.start()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            frames.send(self._process.stdin, request, data)
            return frames.receive(self._process.stdout)[0]
        except (EOFError, OSError, ValueError) as error:
            if late.is_set():
                hint = "Raise `timeout` under `parse:`, or exclude it."
                raise ParseError(f"took longer than {timeout:g} s to be read", where=uri, hint=hint) from error
            code = self._process.wait()
            cause = f"signal {-code}" if code < 0 else f"exit code {code}"
            raise ParseError(f"its parser crashed ({cause})", where=uri, hint="Exclude it, or repair it.") from error
        finally:
            timer.cancel()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                try:
                    pipe.close()
                except OSError:
                    continue  # what was still to be written has nobody to read it


class _Pool:
    """Processes that wait for work; `room` is for as many as may work at once."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = command
        self.idle: list[_Worker] = []
        self.room = threading.BoundedSemaphore(MOST)

    def taken(self) -> _Worker:
        """One that waits, or a new one."""
        while True:
            try:
                worker = self.idle.pop()
            except IndexError:
                return _Worker(self.command)
            if worker.alive:
                return worker
            worker.end()

    def close(self) -> None:
        while self.idle:
            self.idle.pop().end()


@cache
def _pool(command: tuple[str, ...]) -> _Pool:
    """The processes for one command: starting one takes a quarter of a second, so they are kept."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_pool.cache_clear)  # a child has no right to its parent's
    pool = _Pool(command)
    atexit.register(pool.close)
    return pool
