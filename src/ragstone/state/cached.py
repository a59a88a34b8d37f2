"""`answers.db`: bytes by key, in rooms, for as long as there is room.

It knows nothing of what it holds, and may be lost at any time. Each table is named with the number of the format:
another format begins with tables of its own, and finds nothing of this one.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeAlias

from ragstone.errors import CacheUnavailable, UsageError
from ragstone.state import cached_leases
from ragstone.state.cached_rows import (
    ALIVE,
    HEAD,
    OF,
    SCHEMA,
    add,
    drop,
    drop_everything,
    drop_oldest,
    drop_stale,
    first_free,
    ids,
    note_uses,
    numbers_of,
    pack,
    room_of,
    stale,
    unpack,
)
from ragstone.state.database import Database
from ragstone.stored import Found, Lease, Stats, Stored

__all__ = ["Act", "CacheFile"]

log = logging.getLogger("ragstone")

PAGE = 8192  # bytes; of vectors with 1,536 bytes five lie in one, where a page of 4,096 has two and leaves a quarter
READERS = 3  # connections that read side by side: a large batch takes two, and a hit goes on
PATIENCE = 2.0  # seconds that a call waits for another process that writes
BATCH = 400  # keys in a statement
PORTION = 250  # entries that are removed in one transaction
NOTED = 60.0  # seconds within which a second use of an entry is not written down
TIDY = 5.0  # seconds between two looks at what is old
BESIDE = 200  # bytes that an entry takes beside its value, as measured; a tag takes 27 more, which do not count
REMEMBERED = 16_384  # kilobytes of pages that a connection keeps in memory
JOURNAL = 64_000_000  # bytes that the log may keep after a large transaction
LATEST = 2**53  # milliseconds since the epoch

CALLERS = (sqlite3.ProgrammingError, sqlite3.InterfaceError)
"""What is wrong with what a caller gave."""

TROUBLE = (sqlite3.Error, OSError, UnicodeDecodeError, TypeError)
"""What is wrong with the file: after damage there may be anything in a column, and in SQLite's own messages.

Of what a caller gives the type is judged before.
"""

OUTSIDE = tuple(
    f"SQLITE_{name}" for name in ("READONLY", "CANTOPEN", "IOERR", "PERM", "AUTH", "NOMEM", "PROTOCOL", "TOOBIG")
)
"""What is wrong with the disk, or around it, and not with the file."""

Act: TypeAlias = Callable[[sqlite3.Connection], Any]


class CacheFile:
    """A cache in a file, or in memory without one. Its methods block, and raise CacheUnavailable.

    What writes makes an act, and `act` does several in one transaction. Reading has connections of its own, and waits
    for no writer. `size` and `largest` are bytes: of all values, with 200 more for each entry, and of one value.
    `clock` counts seconds from the epoch. A use is written down with a later act, and only where the last one that was
    lies `noted` seconds back: so a hit costs one statement that reads.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        size: int,
        largest: int,
        noted: float = NOTED,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self.size, self.largest = path, size, min(largest, size - BESIDE)
        self._noted, self._clock = round(noted * 1000), clock
        self._file = self._database()
        self._reading = [self._database() for _ in range(READERS)] if path else [self._file]
        self._free = SimpleQueue[Database]()
        for database in self._reading:
            self._free.put(database)
        self._lock = threading.Lock()
        self._uses = dict[int, int]()
        self._tidied, self._more, self._emptied = time.monotonic(), False, False

    def close(self) -> None:
        """Writes down what was used and closes the file; the next call opens it again."""
        if self._uses:
            self.act([])
        for database in (*self._reading, self._file):
            database.close()

    def hold(self) -> None:
        """Closes the file before the process forks, and lets nobody open it until `let_go`."""
        if self.path is not None:
            for database in (*self._reading, self._file):
                database.hold()

    def let_go(self) -> None:
        """Ends `hold`."""
        if self.path is not None:
            for database in (*self._reading, self._file):
                database.let_go()

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, room: str, keys: Sequence[bytes]) -> dict[bytes, Found]:
        """Those that are there, unharmed, and whose time is not over."""
        _demand_text(room)
        found = dict[bytes, Found]()
        with self._reader() as db:
            for first in range(0, len(keys), BATCH):
                self._find(db, room, keys[first : first + BATCH], found)
        return found

    def _find(self, db: sqlite3.Connection, room: str, keys: Sequence[bytes], found: dict[bytes, Found]) -> None:
        """All in one row: beside a thread that computes, sqlite3 waits up to 5 ms for each (`batches`)."""
        now = self._now()
        statement = (
            "SELECT json_group_array(id) FILTER (WHERE used <= ?), CAST(group_concat(packed, '') AS BLOB) FROM ("
            " SELECT e.id, used, packed FROM entries_1 e JOIN contents_1 c ON c.id = e.id"
            f" WHERE room = (SELECT id FROM rooms_1 WHERE name = ?) AND key IN ({','.join('?' * len(keys))})"
            f" AND {ALIVE} AND size <= ? AND length(packed) <= ? + {HEAD.size} + length(key))"
        )
        most = self.largest, self.largest  # what is larger was kept by somebody else, and takes too long to read
        try:
            used, pieces = db.execute(statement, (now - self._noted, room, *keys, now, now, *most)).fetchone()
            held = unpack(room, pieces or b"")
        except (sqlite3.DataError, ValueError):  # more than SQLite has in one value; or one is harmed, and is not there
            for part in (keys[: len(keys) // 2], keys[len(keys) // 2 :]) if len(keys) > 1 else ():
                self._find(db, room, part, found)
            return
        found |= {key: held[key] for key in keys if key in held}
        if used != "[]":
            with self._lock:
                self._uses |= dict.fromkeys(json.loads(used), now)

    def tagged(self, room: str, tag: str) -> list[bytes]:
        """The keys of a room's entries that have a tag, the oldest first."""
        _demand_text(room, tag)
        now = self._now()
        with self._reader() as db:
            (found,) = db.execute(
                "SELECT json_group_array(hex(key)) FROM (SELECT key FROM tagged_1 t JOIN entries_1 e ON e.id = t.entry"
                " WHERE t.tag = (SELECT id FROM tags_1 WHERE name = ?)"
                f" AND e.room = (SELECT id FROM rooms_1 WHERE name = ?) AND {ALIVE} ORDER BY t.entry)",
                (tag, room, now, now),
            ).fetchone()
        return [bytes.fromhex(key) for key in json.loads(found)]

    def stats(self) -> Stats:
        """Running totals, less what is stale and was not removed yet."""
        held, none = dict[str, tuple[int, int]](), (0, 0)
        with self._reader() as db:
            gone = stale(db, self._now())
            for number, name, entries, size in db.execute("SELECT id, name, entries, size FROM rooms_1"):
                held[name] = entries - gone.get(number, none)[0], size - gone.get(number, none)[1]
            figures = dict[str, int](db.execute("SELECT name, number FROM figures_1"))
        return Stats(
            entries={name: entries for name, (entries, _) in held.items() if entries > 0},
            size={name: size for name, (entries, size) in held.items() if entries > 0},
            figures=figures,
        )

    # ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def act(self, acts: Sequence[Act]) -> list[Any]:
        """What comes of each, in order: its outcome, or the error that it raises, which leaves nothing of it."""
        try:
            with self._guarded(self._file), self._file.writing() as db:
                with self._lock:
                    uses, self._uses = self._uses, {}
                if uses:
                    note_uses(db, uses)
                outcomes = [_tried(act, db) for act in acts]
        except CacheUnavailable as error:
            return [error] * len(acts)
        self._shrink()
        return outcomes

    def put(self, room: str, entries: Mapping[bytes, Stored], *, lease: Lease | None = None) -> Act:
        """Keeps or replaces entries, and lets those make room that were not used for longest."""
        self._demand_fitting(entries)
        names = {tag for stored in entries.values() for tag in stored.tags}
        _demand_text(room, *names)
        lasting = {key: None if stored.seconds is None else stored.seconds * 1000 for key, stored in entries.items()}
        ordered = sorted(entries)

        def act(db: sqlite3.Connection) -> None:
            if not entries or (lease is not None and not cached_leases.is_last(db, lease)):
                return
            now, number = self._now(), room_of(db, room)
            drop(db, _with_keys(db, number, ordered))
            tags = numbers_of(db, names)
            rows, pieces = list[tuple[Any, ...]](), list[tuple[int, bytes]]()
            for entry, key in enumerate(ordered, first_free(db)):
                stored, length = entries[key], lasting[key]
                until = None if length is None else round(min(now + length, LATEST))
                own = json.dumps(sorted({tags[tag] for tag in stored.tags})) if stored.tags else None
                rows.append((entry, number, key, now, until, now, len(stored.value), own))
                pieces.append((entry, pack(room, key, stored.value, now, until)))
            add(db, rows, pieces)
            self._more |= self._make_room(db, rounds=4 + len(entries) // PORTION)

        return act

    def remove(self, room: str, keys: Sequence[bytes]) -> Act:
        """Removes entries."""
        _demand_text(room)

        def act(db: sqlite3.Connection) -> None:
            drop(db, _with_keys(db, room_of(db, room), keys))

        return act

    def forget(self, tags: Sequence[str]) -> Act:
        """Removes a portion of what has one of these tags: how many entries it was, and whether more may be left."""
        _demand_text(*tags)
        tagged = f"SELECT DISTINCT entry AS id FROM tagged_1 WHERE tag IN (SELECT id FROM tags_1 WHERE name {OF})"
        return self._removing(f"{tagged} LIMIT ?", json.dumps([*tags]))

    def clear(self, rooms: Sequence[str] = ()) -> Act:
        """Removes what is in these rooms, or in all: how many entries it was, and whether more may be left.

        A portion where other rooms hold something; else all at once, and the file gives back its space.
        """
        _demand_text(*rooms)
        names = json.dumps([*rooms])
        portion = self._removing(
            f"SELECT id FROM entries_1 WHERE room IN (SELECT id FROM rooms_1 WHERE name {OF}) LIMIT ?", names
        )

        def act(db: sqlite3.Connection) -> tuple[int, bool]:
            others = f"SELECT 1 FROM rooms_1 WHERE entries > 0 AND NOT name {OF}"
            if rooms and db.execute(others, (names,)).fetchone():
                return portion(db)
            (held,) = db.execute("SELECT COALESCE(SUM(entries), 0) FROM rooms_1").fetchone()
            gone = sum(entries for entries, _ in stale(db, self._now()).values())
            drop_everything(db)
            self._emptied = True
            self._file.forget_aside()
            return held - gone, False

        return act

    def _removing(self, chosen: str, names: str) -> Act:
        def act(db: sqlite3.Connection) -> tuple[int, bool]:
            found, now = ids(db, chosen, (names, PORTION)), self._now()
            counted = f"SELECT COUNT(*) FROM entries_1 WHERE id {OF} AND {ALIVE}"
            (alive,) = db.execute(counted, (json.dumps(found), now, now)).fetchone()
            drop(db, found)
            return alive, len(found) == PORTION

        return act

    def claim(self, key: bytes, *, owner: str, seconds: float) -> Act:
        """Takes a key for so long, or holds it longer."""
        _demand_text(owner)
        length = round(seconds * 1000)
        return lambda db: cached_leases.claim(db, key, owner, now=self._now(), length=length)

    def release(self, lease: Lease) -> Act:
        """Gives a key back."""
        return lambda db: cached_leases.release(db, lease, now=self._now())

    def count(self, figures: Mapping[str, int]) -> Act:
        """Adds to figures by name."""
        _demand_text(*figures)

        def act(db: sqlite3.Connection) -> None:
            db.executemany(
                "INSERT INTO figures_1 VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
                list(figures.items()),
            )

        return act

    # ── What is due ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def due(self) -> bool:
        """Whether it is time to write down what was used, and to remove what is old."""
        return time.monotonic() - self._tidied > TIDY

    def idle(self) -> bool:
        """Does a portion of what is due, if anything is; whether more is left."""
        return (self._more or self.due) and self.tidy()

    def tidy(self) -> bool:
        """Removes a portion of what is old, or has no room; whether more is left."""
        self._tidied, self._more = time.monotonic(), False

        def act(db: sqlite3.Connection) -> bool:
            now = self._now()
            leases = cached_leases.sweep(db, now=now, most=PORTION)
            return drop_stale(db, now, PORTION) >= PORTION or self._make_room(db, rounds=1) or leases

        (more,) = self.act([act])
        self._more = more is True  # else it is an error, of which the next caller is told
        return self._more

    def _make_room(self, db: sqlite3.Connection, *, rounds: int) -> bool:
        """Removes so many portions at most while there is too much; whether there is still too much."""
        for _ in range(rounds):
            if (over := self._over(db)) <= 0:
                return False
            if not (drop_stale(db, self._now(), PORTION) or drop_oldest(db, over, PORTION, beside=BESIDE)):
                drop_everything(db)  # the totals were wrong: now they are not
        return self._over(db) > 0

    def _over(self, db: sqlite3.Connection) -> int:
        """The bytes by which there is too much."""
        (held,) = db.execute("SELECT COALESCE(SUM(size + entries * ?), 0) FROM rooms_1", (BESIDE,)).fetchone()
        return held - self.size

    def _shrink(self) -> None:
        """Gives the disk back what was cleared, and leaves none of it in the file, unless a process is in the way."""
        if self._emptied:
            self._emptied = False
            with suppress(CacheUnavailable), self._guarded(self._file), self._file.reading() as db:
                db.execute("VACUUM")
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    # ── The file ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _database(self) -> Database:
        # After a power cut it may be damaged, and is begun anew. It is not mapped into memory: where a file that is
        # mapped gets shorter, the process ends.
        return Database(self.path, self._prepare, synchronous="OFF", page=PAGE, patience=PATIENCE)

    def _prepare(self, db: sqlite3.Connection) -> None:
        db.execute(f"PRAGMA cache_size = -{REMEMBERED}")
        db.execute(f"PRAGMA journal_size_limit = {JOURNAL}")
        for statement in filter(str.strip, SCHEMA.split(";")):
            db.execute(statement)

    @contextmanager
    def _reader(self) -> Generator[sqlite3.Connection]:
        database = self._free.get()
        try:
            with self._guarded(database), database.reading() as db:
                yield db
        finally:
            self._free.put(database)

    @contextmanager
    def _guarded(self, database: Database) -> Generator[None]:
        """Raises CacheUnavailable, and begins anew what is damaged."""
        try:
            yield
        except CALLERS:
            raise
        except TROUBLE as error:
            raise self._unavailable(error, database) from error

    def _unavailable(self, error: Exception, database: Database) -> CacheUnavailable:
        name, where = getattr(error, "sqlite_errorname", ""), str(self.path or "memory")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            return CacheUnavailable("the cache is busy", where=where, hint="Does another process hold the file?")
        if name == "SQLITE_FULL":
            database.close()
            hint = "Free some space: until then nothing new is kept."
            return CacheUnavailable("the disk is full", where=where, hint=hint, reason="full")
        if not isinstance(error, OSError) and not name.startswith(OUTSIDE):
            return self._begin_anew(error, database, where)
        database.close()
        return CacheUnavailable(f"the cache cannot be used: {error}", where=where, hint="Is it writable?")

    def _begin_anew(self, error: Exception, database: Database, where: str) -> CacheUnavailable:
        try:
            aside = database.set_aside()
        except OSError as other:
            hint = f"It cannot be moved away: {other}"
            return CacheUnavailable(f"the cache is damaged: {error}", where=where, hint=hint, reason="corrupt")
        hint = f"It begins anew; what it was lies at {aside}." if aside else "It begins anew."
        found = CacheUnavailable(f"the cache is damaged: {error}", where=where, hint=hint, reason="corrupt")
        if aside:
            log.warning("%s", found)
        return found

    def _demand_fitting(self, entries: Mapping[bytes, Stored]) -> None:
        b"".join(entries)  # raises TypeError for a key that is not bytes, as `memoryview` does for a value
        largest = max((memoryview(stored.value).nbytes for stored in entries.values()), default=0)
        if largest > self.largest:
            raise CacheUnavailable(
                "an entry is too large to be kept",
                where=str(self.path or "memory"),
                expected=f"at most {self.largest:,} bytes",
                found=f"{largest:,}",
                reason="large",
            )


def _tried(act: Act, db: sqlite3.Connection) -> Any:
    """An act that raises leaves nothing behind, and those beside it go on; the file's own errors end them all."""
    db.execute("SAVEPOINT act")
    try:
        outcome = act(db)
    except Exception as error:
        if isinstance(error, TROUBLE) and not isinstance(error, CALLERS):
            raise
        db.execute("ROLLBACK TO act")
        outcome = error
    db.execute("RELEASE act")
    return outcome


def _with_keys(db: sqlite3.Connection, room: int, keys: Sequence[bytes]) -> list[int]:
    """The numbers of entries by their keys."""
    found = list[int]()
    for first in range(0, len(keys), BATCH):
        part = keys[first : first + BATCH]
        marks = ",".join("?" * len(part))
        found += ids(db, f"SELECT id FROM entries_1 WHERE room = ? AND key IN ({marks})", (room, *part))
    return found


def _demand_text(*words: str) -> None:
    """Raises UsageError for what is no text: half of a surrogate pair."""
    try:
        "".join(words).encode()
    except UnicodeEncodeError as error:
        raise UsageError("a room, a tag or another name is no text", found=ascii(error.object[error.start])) from None
