"""A lock that holds between machines too, where their file system shares files and not locks.

On one machine the system gives a dead process's lock back at once. Of another machine only its mark can be seen: while
its holder lives it renews the mark, and one that was not renewed for a minute counts no more.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path

from ragstone.state.lock import FileLock

__all__ = ["LeaseLock"]

LEASE = 60.0  # seconds


class LeaseLock(FileLock):
    """A FileLock for one writer, marked with its machine's name.

    >>> with LeaseLock(Path("ingest.lock"), purpose="ragstone ingest"):
    ...     ...  # nobody else is here, on any machine
    """

    def __init__(self, path: Path, *, purpose: str, wait: float = 0.0, host: str | None = None) -> None:
        super().__init__(path, purpose=purpose, wait=wait)
        self._host = host or socket.gethostname()
        self._ended: threading.Event | None = None

    def try_acquire(self) -> bool:
        """Takes the lock if it is free now, and no other machine has renewed its mark of late."""
        if self._held_elsewhere() or not super().try_acquire():
            return False
        assert self._descriptor is not None
        os.write(self._descriptor, f" on {self._host}".encode())
        self._ended = threading.Event()
        threading.Thread(target=self._renew, args=(self._ended,), daemon=True).start()
        return True

    def release(self) -> None:
        """Gives the lock back; twice is harmless."""
        if self._ended is not None:
            self._ended.set()
            self._ended = None
        super().release()

    def _held_elsewhere(self) -> bool:
        try:
            mark, renewed = self.path.read_text(encoding="utf-8", errors="replace"), self.path.stat().st_mtime
        except OSError:
            return False
        _, on, host = mark.rpartition(" on ")
        return bool(on) and host.strip() != self._host and time.time() - renewed < LEASE

    def _renew(self, ended: threading.Event) -> None:
        while not ended.wait(LEASE / 4):
            with suppress(OSError):  # the next time, perhaps
                os.utime(self.path)
