"""A lock between processes, on a file. The system gives it back when its holder dies, however it dies."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType

from ragstone.errors import IndexBusy

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int, *, shared: bool) -> None:
        # Windows locks bytes for one holder only: readers there wait for each other.
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int, *, shared: bool) -> None:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


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
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        limit = time.monotonic() + self.wait
        while True:
            try:
                _take(descriptor, shared=self.shared)
                break
            except OSError:
                if time.monotonic() >= limit:
                    holder = (
                        os.pread(descriptor, 200, 0).decode(errors="replace").strip() if hasattr(os, "pread") else ""
                    )
                    os.close(descriptor)
                    raise IndexBusy(
                        f"the index is in use by {holder or 'another process'}",
                        where=str(self.path.parent),
                        hint="Wait until it has ended, or stop it, and run the command again.",
                    ) from None
                time.sleep(0.05)
        if not self.shared:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{self.purpose} (process {os.getpid()})".encode())
        self._descriptor = descriptor

    def release(self) -> None:
        """Gives the lock back; twice is harmless."""
        if self._descriptor is not None:
            if not self.shared:
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None
