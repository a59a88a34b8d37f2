"""What was found out of servers, so that the next process does not ask them again.

It lies in `cache.db`, which may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragstone.state.database import Database

__all__ = ["Findings", "key_of"]

log = logging.getLogger("ragstone")

DAY = 86_400.0  # seconds that a finding counts: servers are started anew with other options

# A number is the format's: another one begins with a table of its own.
_TABLE = "CREATE TABLE IF NOT EXISTS findings_1 (key BLOB PRIMARY KEY, kept REAL NOT NULL, facts TEXT NOT NULL)"


class Findings:
    """Facts by key in a file, each for a day. Its methods block. `clock` gives the seconds since the epoch.

    A cache never stands in the way: what cannot be read counts as not there, what cannot be written is not kept, and
    the log says so.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        self._file = Database(path, lambda db: db.execute(_TABLE) and None, synchronous="OFF")

    def get(self, key: bytes) -> dict[str, Any] | None:
        """The facts of that key, unless a day has passed, or the clock was put back behind them."""
        if not self.path.exists():
            return None  # who only reads makes no file
        now = self._clock()
        with self._spared(), self._file.reading() as db:
            row = db.execute(
                "SELECT facts FROM findings_1 WHERE key = ? AND kept <= ? AND kept > ?", (key, now, now - DAY)
            ).fetchone()
            return json.loads(row[0]) if row else None
        return None

    def put(self, key: bytes, facts: Mapping[str, Any]) -> None:
        """Keeps facts, and deletes those of which nobody may make use any more."""
        now = self._clock()
        with self._spared(), self._file.writing() as db:
            db.execute("DELETE FROM findings_1 WHERE kept <= ? OR kept > ?", (now - DAY, now))
            db.execute("INSERT OR REPLACE INTO findings_1 VALUES (?, ?, ?)", (key, now, json.dumps(dict(facts))))

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    @contextmanager
    def _spared(self) -> Generator[None]:
        """What goes wrong here is said, and nothing more: the next call opens the file anew."""
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            log.warning("%s: what is known of servers cannot be used: %s", self.path, error)
            self._file.close()


def key_of(*parts: object) -> bytes:
    """What findings about these are kept under; nothing can be read of it."""
    return hashlib.blake2b(json.dumps(parts, default=str).encode(), digest_size=16).digest()
