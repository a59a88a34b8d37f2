"""Several SQLite files as they were in one moment, while others read and write them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from ragstone.state.faults import translated

__all__ = ["snapshot"]

PATIENCE = 60.0  # seconds for a writer that is in the middle of a transaction
PAGES = 4096  # copied at a time


def snapshot(databases: Sequence[Path], folder: Path) -> None:
    """Copies each into the folder, all of them as of one moment. Raises StateError.

    Every file is locked against writers until each has a reader that keeps seeing this moment, which takes a few
    milliseconds; then all go on, and the readers are copied from. What was written to two files one after the other is
    in both copies, or in the first alone, and never in the second alone.
    """
    with ExitStack() as readers:
        seen: list[tuple[Path, sqlite3.Connection]] = []
        with ExitStack() as writers:
            for path in databases:
                writer = writers.enter_context(closing(_opened(path)))
                with translated(str(path)):
                    writer.execute("BEGIN IMMEDIATE")
            for path in databases:
                reader = readers.enter_context(closing(_opened(path)))
                with translated(str(path)):
                    reader.execute("BEGIN")
                    reader.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()  # from here on it sees this moment
                seen.append((path, reader))
        for path, reader in seen:
            with translated(str(folder / path.name)), closing(sqlite3.connect(folder / path.name)) as copy:
                reader.backup(copy, pages=PAGES)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, without a journal beside it


def _opened(path: Path) -> sqlite3.Connection:
    with translated(str(path)):
        return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=PATIENCE)
