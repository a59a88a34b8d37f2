"""Who has a project's state open, so that a restoration replaces nothing under them."""

from __future__ import annotations

import sys
from pathlib import Path

from ragstone.errors import IndexBusy, StateError
from ragstone.state.backups.moving import finish, unfinished
from ragstone.state.lock import FileLock

__all__ = ["Using", "alone"]

FILE = "open.lock"
SHARED = sys.platform != "win32"  # there readers would shut each other out
PATIENCE = 30.0  # seconds for a restoration that another process finishes


class Using:
    """Held by everybody who has the state open: as many as want to, but nobody while it is replaced."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / FILE, purpose="ragstone", shared=True, wait=PATIENCE)
        self._held = False

    def begin(self) -> None:
        """From now on; twice is harmless. A restoration that was killed is finished first.

        Raises IndexBusy while the state is replaced.
        """
        if self._held or not SHARED:
            return
        if unfinished(self._folder):
            with alone(self._folder, wait=PATIENCE):
                finish(self._folder)
        try:
            self._lock.acquire()
        except IndexBusy:
            raise
        except StateError:
            return  # who cannot write here can still read, and nobody replaces what cannot be written
        self._held = True

    def end(self) -> None:
        """No longer; twice is harmless."""
        self._lock.release()
        self._held = False


def alone(folder: Path, *, wait: float = 0.0) -> FileLock:
    """Keeps everybody else away, as a context. Raises IndexBusy where somebody has the state open."""
    return _Alone(folder / FILE, purpose="ragstone restore", wait=wait)


class _Alone(FileLock):
    def busy(self) -> IndexBusy:
        return IndexBusy(
            "the project is in use by another process",
            where=str(self.path.parent),
            hint="Stop the service, and whatever else has it open, and run the command again.",
        )
