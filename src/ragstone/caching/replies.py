"""What lookups found, for as long as their connectors allow, so that the same thing is not asked for again and again.

It lies in `replies.db`, which may be deleted at any time. A reply is one tenant's: its key holds the tenant. Principals
are no part of it, since no connector asks for different things on behalf of different readers today.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from ragstone.caching.key import reply_key
from ragstone.protocols import Reply
from ragstone.state.database import Database

__all__ = ["ReplyCache"]

log = logging.getLogger("ragstone")

MOST = 1_000  # replies; the oldest make room

# A number is the format's: another one begins with a table of its own.
_TABLE = """
CREATE TABLE IF NOT EXISTS replies_1 (
    key BLOB PRIMARY KEY, tenant TEXT NOT NULL, kept REAL NOT NULL, until REAL NOT NULL, reply TEXT NOT NULL
)"""


class ReplyCache:
    """Replies in a file, or in memory without one. Its methods block. `clock` gives the seconds since the epoch.

    A cache never stands in the way: what cannot be read counts as not there, what cannot be written is not kept, and
    the log says so. What has had its time is deleted with the next reply that is kept.
    """

    def __init__(self, path: Path | None, *, clock: Callable[[], float] = time.time) -> None:
        self.path, self._clock = path, clock
        self._file = Database(path, lambda db: db.execute(_TABLE) and None, synchronous="OFF")

    def get(self, *, tenant: str, connector: str, fingerprint: str, path: str) -> Reply | None:
        """The reply that is kept, unless its time is over."""
        if self.path is not None and not self.path.exists():
            return None  # who only reads makes no file
        now = self._clock()
        with self._spared(), self._file.reading() as db:
            row = db.execute(
                "SELECT reply FROM replies_1 WHERE key = ? AND tenant = ? AND kept <= ? AND until > ?",
                (reply_key(tenant=tenant, connector=connector, fingerprint=fingerprint, path=path), tenant, now, now),
            ).fetchone()
            return Reply(**json.loads(row[0])) if row else None
        return None

    def put(self, reply: Reply, *, tenant: str, connector: str, fingerprint: str, path: str, seconds: float) -> None:
        """Keeps a reply for so many seconds."""
        if seconds <= 0:
            return
        now = self._clock()
        row = (
            reply_key(tenant=tenant, connector=connector, fingerprint=fingerprint, path=path),
            tenant,
            now,
            now + seconds,
            json.dumps(asdict(reply)),
        )
        with self._spared(), self._file.writing() as db:
            db.execute("DELETE FROM replies_1 WHERE until <= ? OR kept > ?", (now, now))  # or of a clock put back
            db.execute("INSERT OR REPLACE INTO replies_1 VALUES (?, ?, ?, ?, ?)", row)
            oldest = "SELECT key FROM replies_1 ORDER BY kept DESC LIMIT -1 OFFSET ?"
            db.execute(f"DELETE FROM replies_1 WHERE key IN ({oldest})", (MOST,))  # noqa: S608 - a constant

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    @contextmanager
    def _spared(self) -> Generator[None]:
        """What goes wrong here is said, and nothing more: the next call opens the file anew."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            log.warning("%s: the cache of lookups cannot be used: %s", self.path or "memory", error)
            self._file.close()
