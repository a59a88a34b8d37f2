"""The leases of a cache: who makes what a key stands for, so that nobody else does."""

from __future__ import annotations

import sqlite3

from ragstone.stored import Lease

__all__ = ["claim", "is_last", "release", "sweep"]

REMEMBERED = 3_600_000  # milliseconds for which a holder who comes back late may still keep what it made


def claim(db: sqlite3.Connection, key: bytes, owner: str, *, now: int, length: int) -> Lease | None:
    """Takes a key for so many milliseconds, or holds it longer; None while another owner has it.

    A lease that was begun by a clock that was put back since is over.
    """
    row = db.execute("SELECT owner, begun, until, fence FROM leases_1 WHERE key = ?", (key,)).fetchone()
    if row is not None and row[1] <= now < row[2]:
        if row[0] != owner:
            return None
        db.execute("UPDATE leases_1 SET begun = ?, until = ? WHERE fence = ?", (now, now + length, row[3]))
        return Lease(key, owner, row[3])
    made = db.execute(
        "INSERT OR REPLACE INTO leases_1 (key, owner, begun, until) VALUES (?, ?, ?, ?)",
        (key, owner, now, now + length),
    )
    assert made.lastrowid is not None
    return Lease(key, owner, made.lastrowid)


def is_last(db: sqlite3.Connection, lease: Lease) -> bool:
    """Whether no other lease of its key has followed."""
    row = db.execute("SELECT fence FROM leases_1 WHERE key = ?", (lease.key,)).fetchone()
    return row is not None and row[0] == lease.fence


def release(db: sqlite3.Connection, lease: Lease, *, now: int) -> None:
    """Gives a key back, unless another one has followed."""
    db.execute("UPDATE leases_1 SET until = MIN(until, ?) WHERE fence = ?", (now, lease.fence))


def sweep(db: sqlite3.Connection, *, now: int, most: int) -> bool:
    """Removes leases that have been over for an hour, so many at most; whether there may be more."""
    gone = "SELECT fence FROM leases_1 WHERE until < ? LIMIT ?"
    return db.execute(f"DELETE FROM leases_1 WHERE fence IN ({gone})", (now - REMEMBERED, most)).rowcount == most
