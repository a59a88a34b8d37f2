"""The tables of a cache, and what is done to their rows.

All that a statement gives comes in one row, as `batches` says why.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import zlib
from collections.abc import Collection, Sequence
from typing import Any

from ragstone.state import batches
from ragstone.stored import Found

__all__ = [
    "ALIVE",
    "HEAD",
    "OF",
    "SCHEMA",
    "add",
    "drop",
    "drop_everything",
    "drop_oldest",
    "drop_stale",
    "first_free",
    "ids",
    "note_uses",
    "numbers_of",
    "pack",
    "room_of",
    "stale",
    "unpack",
]

# Times are milliseconds since the epoch. A value lies apart from what changes with each use, packed with all that is
# told with it. `tags` are the numbers of an entry's tags, so that its rows in `tagged_1` are found without an index the
# other way round.
SCHEMA = """
CREATE TABLE IF NOT EXISTS rooms_1 (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, entries INTEGER NOT NULL, size INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS entries_1 (
  id INTEGER PRIMARY KEY, room INTEGER NOT NULL, key BLOB NOT NULL, made INTEGER NOT NULL, until INTEGER,
  used INTEGER NOT NULL, size INTEGER NOT NULL, tags TEXT
);
CREATE UNIQUE INDEX IF NOT EXISTS entries_1_by_key ON entries_1 (room, key);
CREATE INDEX IF NOT EXISTS entries_1_by_use ON entries_1 (used);
CREATE INDEX IF NOT EXISTS entries_1_by_end ON entries_1 (until) WHERE until IS NOT NULL;
CREATE TABLE IF NOT EXISTS contents_1 (id INTEGER PRIMARY KEY, packed BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS tags_1 (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS tagged_1 (
  tag INTEGER NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (tag, entry)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases_1 (
  fence INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, owner TEXT NOT NULL, begun INTEGER NOT NULL,
  until INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS leases_1_by_end ON leases_1 (until);
CREATE TABLE IF NOT EXISTS figures_1 (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""

ALIVE = "made <= ? AND (until IS NULL OR until > ?)"
"""Now, twice: an entry whose time is over is none, nor is one that was made by a clock that was put back since."""

OF = batches.IN

CRC, REST = struct.Struct("<I"), struct.Struct("<HIqq")  # of the rest; lengths of key and value, made, until
HEAD = struct.Struct("<IHIqq")  # both
ENDLESS = -1


def ids(db: sqlite3.Connection, chosen: str, values: Sequence[Any]) -> list[int]:
    """The column `id` of what a statement chooses."""
    (found,) = db.execute(f"SELECT json_group_array(id) FROM ({chosen})", values).fetchone()
    return json.loads(found)


def room_of(db: sqlite3.Connection, name: str) -> int:
    """The number of a room, which it has from now on."""
    db.execute("INSERT OR IGNORE INTO rooms_1 (name, entries, size) VALUES (?, 0, 0)", (name,))
    return db.execute("SELECT id FROM rooms_1 WHERE name = ?", (name,)).fetchone()[0]


def numbers_of(db: sqlite3.Connection, tags: Collection[str]) -> dict[str, int]:
    """The number of each tag, which it has while an entry has the tag."""
    if not tags:
        return {}
    names = json.dumps(sorted(tags))
    db.execute("INSERT OR IGNORE INTO tags_1 (name) SELECT value FROM json_each(?)", (names,))
    (found,) = db.execute(f"SELECT json_group_object(name, id) FROM tags_1 WHERE name {OF}", (names,)).fetchone()
    return json.loads(found)


def first_free(db: sqlite3.Connection) -> int:
    """The lowest number above all entries, so that newer ones have higher ones."""
    return db.execute("SELECT COALESCE(MAX(id), 0) + 1 FROM entries_1").fetchone()[0]


def pack(room: str, key: bytes, value: bytes, made: int, until: int | None) -> bytes:
    """An entry as one piece, with its length and a sum over all of it and its room."""
    rest = REST.pack(len(key), len(value), made, ENDLESS if until is None else until) + key + value
    return CRC.pack(_crc(room, rest)) + rest


def unpack(room: str, pieces: bytes) -> dict[bytes, Found]:
    """The entries of a room, of which pieces stand one behind the other. Raises ValueError where one is harmed."""
    found, at, whole, begun = dict[bytes, Found](), 0, memoryview(pieces), zlib.crc32(room.encode())
    heads, after, skipped = HEAD.unpack_from, HEAD.size, CRC.size
    try:
        while at < len(pieces):
            crc, length, size, made, until = heads(pieces, at)
            name = at + after
            begins, end = name + length, name + length + size
            if crc != zlib.crc32(whole[at + skipped : end], begun):
                raise ValueError("an entry is harmed")
            over = None if until == ENDLESS else until / 1000
            found[pieces[name:begins]] = Found(pieces[begins:end], made / 1000, over)
            at = end
    except struct.error as error:
        raise ValueError(str(error)) from None
    return found


def _crc(room: str, rest: bytes) -> int:
    return zlib.crc32(rest, zlib.crc32(room.encode()))


def add(db: sqlite3.Connection, rows: Sequence[tuple[Any, ...]], pieces: Sequence[tuple[int, bytes]]) -> None:
    """Writes entries of one room as they stand in the schema, and each of them packed."""
    batches.insert(db, "INSERT INTO entries_1", rows)
    batches.insert(db, "INSERT INTO contents_1", pieces)
    db.execute(
        "INSERT INTO tagged_1 SELECT t.value, e.id FROM entries_1 e, json_each(e.tags) t WHERE e.id >= ? ORDER BY 1, 2",
        (rows[0][0],),
    )
    db.execute(
        "UPDATE rooms_1 SET entries = entries + ?, size = size + ? WHERE id = ?",
        (len(rows), sum(row[6] for row in rows), rows[0][1]),
    )


def drop(db: sqlite3.Connection, entries: Sequence[int]) -> None:
    """Removes entries with all that belongs to them."""
    if not entries:
        return
    gone = (json.dumps(entries),)
    db.execute(
        "UPDATE rooms_1 SET entries = entries - number, size = size - bytes FROM"
        f" (SELECT room, COUNT(*) AS number, SUM(size) AS bytes FROM entries_1 WHERE id {OF} GROUP BY room) AS gone"
        " WHERE id = room",
        gone,
    )
    theirs = f"FROM entries_1 e, json_each(e.tags) t WHERE e.id {OF}"
    (tags,) = db.execute(f"SELECT json_group_array(value) FROM (SELECT DISTINCT t.value {theirs})", gone).fetchone()
    if tags != "[]":
        db.execute(f"DELETE FROM tagged_1 WHERE (tag, entry) IN (SELECT t.value, e.id {theirs})", gone)
        db.execute(
            f"DELETE FROM tags_1 WHERE id {OF} AND NOT EXISTS (SELECT 1 FROM tagged_1 WHERE tag = tags_1.id)", (tags,)
        )
    db.execute(f"DELETE FROM entries_1 WHERE id {OF}", gone)
    db.execute(f"DELETE FROM contents_1 WHERE id {OF}", gone)


def stale(db: sqlite3.Connection, now: int) -> dict[int, tuple[int, int]]:
    """By the number of a room: entries and bytes that are there no more, although they were not removed yet."""
    rows = db.execute(
        "SELECT room, COUNT(*), SUM(size) FROM entries_1 WHERE id IN (SELECT id FROM entries_1 WHERE until <= ?"
        " UNION SELECT id FROM entries_1 WHERE used > ? AND made > ?) GROUP BY +room",
        (now, now, now),
    )
    return {room: (entries, size) for room, entries, size in rows}


def drop_stale(db: sqlite3.Connection, now: int, most: int) -> int:
    """Removes so many entries at most whose time is over, or that are of the future; how many were looked at.

    What was used before the clock was put back was used now: no entry shall be the last one to go for ever.
    """
    over = ids(db, "SELECT id FROM entries_1 WHERE until <= ? LIMIT ?", (now, most))
    ahead = ids(db, "SELECT id FROM entries_1 WHERE used > ? LIMIT ?", (now, most))
    if ahead:
        over += ids(db, f"SELECT id FROM entries_1 WHERE id {OF} AND made > ?", (json.dumps(ahead), now))
        db.execute(f"UPDATE entries_1 SET used = ? WHERE id {OF}", (now, json.dumps(ahead)))
    drop(db, over)
    return max(len(over), len(ahead))


def drop_oldest(db: sqlite3.Connection, much: int, most: int, *, beside: int) -> int:
    """Removes what was not used for longest, until so many bytes are free; each entry has `beside` beside its value.

    It removes so many entries at most, and says how many.
    """
    (found,) = db.execute(
        "SELECT json_group_array(json_array(id, size)) FROM (SELECT id, size FROM entries_1 ORDER BY used, id LIMIT ?)",
        (most,),
    ).fetchone()
    gone = list[int]()
    for number, size in json.loads(found):
        if much <= 0:
            break
        gone.append(number)
        much -= size + beside
    drop(db, gone)
    return len(gone)


def drop_everything(db: sqlite3.Connection) -> None:
    """Removes all entries at once; figures and leases stay."""
    for table in ("entries_1", "contents_1", "tagged_1", "tags_1"):
        db.execute(f"DELETE FROM {table}")
    db.execute("UPDATE rooms_1 SET entries = 0, size = 0")


def note_uses(db: sqlite3.Connection, uses: dict[int, int]) -> None:
    """Writes down when entries were used last."""
    db.execute(
        "UPDATE entries_1 SET used = noted.at FROM"
        " (SELECT CAST(key AS INTEGER) AS id, value AS at FROM json_each(?)) AS noted"
        " WHERE entries_1.id = noted.id AND used < noted.at",
        (json.dumps(uses),),
    )
