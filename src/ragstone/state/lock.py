"""A lock between processes, on a file. The system gives it back when its holder dies, however it dies."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ragstone.errors import IndexBusy, StateError, StorageFull

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, *, shared: bool) -> None:
        # Windows locks bytes for one holder only: readers there wait for each other.
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


POLL = 0.05  # seconds between two tries


def _translated(error: OSError, path: Path) -> StateError:
    if error.errno == errno.ENOSPC:
        return StorageFull("the disk is full", where=str(path), hint="Free some space and run it again.")
    return StateError(f"cannot be written: {error.strerror}", where=str(path), hint="Check the folder's permissions.")


class FileLock:
    """Many may read at once, one may write and then nobody reads.

    >>> with FileLock(Path("index.lock"), purpose="ragstone ingest"):
    ...     ...  # nobody else is here
    """

    def __init__(self, path: Path, *, purpose: str, shared: bool = False, wait: float = 0.0) -> None:
        self.path, self.purpose, self.shared, self.wait = path, purpose, shared, wait
        self._descriptor: int | None = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Takes the lock, waiting `wait` seconds at most. Raises IndexBusy that names the holder, where known."""
        limit = time.monotonic() + self.wait
        while not self.try_acquire():
            if time.monotonic() >= limit:
                raise self.busy()
            time.sleep(POLL)

    async def acquire_soon(self, *, wait: float | None = None, waiting: Callable[[str], None] | None = None) -> None:
        """The same without blocking the event loop; cancelled while it waits, it holds nothing.

        `waiting` is told once who holds the lock.
        """
        limit = time.monotonic() + (self.wait if wait is None else wait)
        while not self.try_acquire():
            if time.monotonic() >= limit:
                raise self.busy()
            if waiting:
                waiting(self.holder())
                waiting = None
            await asyncio.sleep(POLL)

    def try_acquire(self) -> bool:
        """Takes the lock if it is free now. Raises StateError when the file cannot be made."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _translated(error, self.path) from error
        try:
            _take(descriptor, shared=self.shared)
        except OSError:
            os.close(descriptor)
            return False
        try:
            if not self.shared:
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{self.purpose} (process {os.getpid()})".encode())
        except OSError as error:
            os.close(descriptor)
            raise _translated(error, self.path) from error
        self._descriptor = descriptor
        return True

    def busy(self) -> IndexBusy:
        """The error that names the holder, where it is known."""
        return IndexBusy(
            f"the index is in use by {self.holder()}",
            where=str(self.path.parent),
            hint="Wait until it has ended, or stop it, and run the command again.",
        )

    def holder(self) -> str:
        """Who holds it, as well as that can be known."""
        try:
            return self.path.read_text(encoding="utf-8", errors="replace").strip() or "another process"
        except OSError:
            return "another process"

    def release(self) -> None:
        """Gives the lock back; twice is harmless."""
        if self._descriptor is not None:
            if not self.shared:
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
