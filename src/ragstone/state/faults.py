"""From SQLite's errors to ours: what is wrong with the file, and what to do."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from ragstone.errors import StateError, StorageFull

__all__ = ["translated"]

FULL = 1 << 20  # bytes; with less than this left a disk is full, whatever SQLite calls it
FRESH = "Delete .ragstone/ and run `ragstone ingest`: it makes everything again from your documents."


@contextmanager
def translated(where: str) -> Generator[None]:
    """Raises a StateError in place of what SQLite or the disk raises."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise _ours(error, where) from error


def _ours(error: sqlite3.Error | OSError, where: str) -> StateError:
    words = str(error)
    folder = Path(where).parent
    if "full" in words or (folder.is_dir() and shutil.disk_usage(folder).free < FULL):
        return StorageFull("the disk is full", where=where, hint="Free some space and run it again.")
    if "closed database" in words:
        return StateError("this Rag is closed", where=where, hint="Open it again.")
    if "malformed" in words or "not a database" in words:
        return StateError("the project's state is damaged", where=where, hint=FRESH)
    if isinstance(error, OSError) or "readonly" in words or "unable to open" in words:
        return StateError(
            f"cannot be written: {words}", where=where, hint="Is it writable? Ragstone keeps its state there."
        )
    return StateError(f"the project's state cannot be used: {words}", where=where, hint=FRESH)
