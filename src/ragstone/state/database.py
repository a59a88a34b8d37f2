"""A SQLite file that one object holds open for all threads of a process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from ragstone.errors import StateError

__all__ = ["Database", "create", "use_write_ahead_log"]

SWITCH = 10.0  # seconds to wait for another process that opens a new file

Synchronous = Literal["NORMAL", "OFF"]


class Database:
    """Opened when it is first needed, and anew where somebody has deleted the file: what lies here may be made again.

    So it is where another file lies in its place, since all processes are to have the same one.
    `prepare` makes the tables. Without a path all lies in memory, and is gone when it is closed. With `synchronous`
    OFF a power cut may damage the file; a process that dies harms it never. `mapped` is how many bytes of it are mapped
    into memory, which halves the time of reading large rows. `page` are the bytes of a page of a new file. A call waits
    `patience` seconds for another process that writes. Errors are those of sqlite3 and the disk.
    """

    def __init__(
        self,
        path: Path | None,
        prepare: Callable[[sqlite3.Connection], None],
        *,
        synchronous: Synchronous = "NORMAL",
        mapped: int = 0,
        page: int = 4096,
        patience: float = 10.0,
    ) -> None:
        self.path, self.opens = path, 0
        self._prepare, self._page, self._patience = prepare, page, patience
        self._pragmas = f"synchronous = {synchronous}", f"mmap_size = {mapped}"
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None  # which one is open

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """The connection, for this thread alone while the block lasts. Each statement is a transaction of its own."""
        with self._lock:
            yield self._opened()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """The connection in a transaction: all that the block writes, or nothing."""
        with self.reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        with self._lock:
            self._close()

    def hold(self) -> None:
        """Closes the file, and lets nobody open it until `let_go`."""
        self._lock.acquire()
        self._close()

    def let_go(self) -> None:
        """Ends `hold`."""
        self._lock.release()

    def set_aside(self) -> Path | None:
        """Closes the file and moves it away, unless another one lies in its place by now; where it is then."""
        with self._lock:
            self._close()
            if self.path is None or self._file is None or self._found() != self._file:
                return None
            aside = self.path.replace(_aside(self.path))
            for end in ("-wal", "-shm"):  # they would be taken for those of the next file
                Path(f"{self.path}{end}").unlink(missing_ok=True)
            return aside

    def forget_aside(self) -> None:
        """Removes what was moved away before."""
        if self.path is not None:
            with suppress(OSError):
                _aside(self.path).unlink()

    def _close(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _found(self) -> tuple[int, int] | None:
        """Which file lies at the path now."""
        try:
            found = self.path.stat() if self.path else None
        except FileNotFoundError:
            return None
        return found and (found.st_dev, found.st_ino)

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and self._found() != self._file:
            self._close()
        if self._db is None:
            if self.path:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are ours: isolation_level None keeps the module from opening any by itself.
            db = sqlite3.connect(
                self.path or ":memory:", check_same_thread=False, isolation_level=None, timeout=self._patience
            )
            self._file = self._found()
            try:
                db.execute(f"PRAGMA page_size = {self._page}")
                use_write_ahead_log(db)
                for pragma in self._pragmas:
                    db.execute(f"PRAGMA {pragma}")
                self._prepare(db)
            except BaseException:
                db.close()
                raise
            self._db = db
            self.opens += 1
        return self._db


def create(db: sqlite3.Connection, script: str, *, version: int, where: str) -> None:
    """Makes the tables of a new file. Raises StateError for one that another version of Ragstone has written."""

    def found() -> int:
        return db.execute("PRAGMA user_version").fetchone()[0]

    if found() == 0:
        db.execute("BEGIN IMMEDIATE")
        if found() == 0:  # else another process was quicker
            for statement in filter(str.strip, script.split(";")):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {version}")
        db.execute("COMMIT")
    if found() != version:
        raise StateError(
            "another version of Ragstone wrote this file",
            where=where,
            expected=f"format {version}",
            found=str(found()),
            hint="Delete it and run `ragstone ingest`.",
        )


def use_write_ahead_log(db: sqlite3.Connection) -> None:
    """The switch does not wait for another process as everything else does, so it is tried again."""
    limit = time.monotonic() + SWITCH
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(0.02)


def _aside(path: Path) -> Path:
    return path.with_name(f"{path.name}.broken")
