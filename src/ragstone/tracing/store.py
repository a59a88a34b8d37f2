"""`traces.db`: the last requests, each with its steps. It may be deleted at any time."""

from __future__ import annotations

import json
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from ragstone.errors import StateError
from ragstone.protocols import TraceSink
from ragstone.state.database import Database
from ragstone.trace import Step, StoredTrace, Trace

__all__ = ["LATE", "TraceStore"]

log = logging.getLogger("ragstone")

KEPT = 1000  # the newest traces; older ones make room
TOGETHER = 1000  # too old ones that go at once
DAY = 86_400.0  # seconds
MOMENT = 0.05  # seconds that a trace may wait for others before they are written
LATE = (0.1, 0.9)  # seconds until the trace of an answer that another process has just given is looked for again

_Row: TypeAlias = tuple[Trace, str, Collection[str] | None, dict[str, Any]]
"""A trace with its tenant, the principals of its caller, and the facts of its outcome."""

# The number is the format's: these are kept for a while only, so another format begins with a table of its own.
# `principals` are those of who asked, as a JSON list; null where it was no caller's request but the operator's work.
_TABLE = """
DROP TABLE IF EXISTS traces_1;
CREATE TABLE IF NOT EXISTS traces_2 (
  id TEXT PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, started REAL NOT NULL, seconds REAL NOT NULL,
  facts TEXT NOT NULL, steps TEXT NOT NULL, principals TEXT
);
CREATE INDEX IF NOT EXISTS traces_2_by_time ON traces_2 (tenant, started);
"""

_STEP = tuple(field.name for field in fields(Step))
_COLUMNS = "id, name, started, seconds, facts, steps, principals"
_MAY_SEE = (
    "(:all OR (principals IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM json_each(principals) WHERE value NOT IN (SELECT value FROM json_each(:principals)))))"
)


class TraceStore:
    """Keeps traces in a file, or in memory without one. Its methods block.

    A trace tells what was asked and what was found, so it is shown to those alone who may see all that its caller may:
    who has every principal of theirs. To principals of None, the operator, it shows all. The newest `kept` stay,
    each for so many `days`: an older one is shown to nobody, and goes with the next that comes. The `sinks` get all.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        kept: int = KEPT,
        days: int | None = None,
        sinks: Callable[[], Sequence[TraceSink]] = tuple,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.path, self._kept, self._days, self._sinks, self._clock = path, kept, days, sinks, clock
        self._file = Database(path, _create)
        self._closed = False
        self._queue, self._hurry = threading.Lock(), threading.Event()
        self._waiting: deque[_Row] = deque(maxlen=max(1, kept))
        self._writer: ThreadPoolExecutor | None = None
        self._last: Future[None] | None = None

    def keep_soon(self, trace: Trace, *, tenant: str, principals: Collection[str] | None = None, **facts: Any) -> None:
        """`keep` in a thread of its own, so that no answer waits for its trace; the next call here waits for it.

        Those of a moment are written together. Where that fails the log says so: a full disk must not take an answer
        away that is already there.
        """
        with self._queue:
            if self._writer is None:
                self._writer = ThreadPoolExecutor(1, thread_name_prefix="traces")
            if not self._waiting:
                self._last = self._writer.submit(self._drain)
            self._waiting.append((trace, tenant, principals, facts))

    def _drain(self) -> None:
        self._hurry.wait(MOMENT)
        with self._queue:
            rows = list(self._waiting)
            self._waiting.clear()
        try:
            self._write(rows)
        except StateError as error:
            log.warning("%s", error)
        for sink in self._sinks() if rows else ():
            for row in rows:
                sink.take(_finished(row), tenant=row[1])

    def keep(self, trace: Trace, *, tenant: str, principals: Collection[str] | None = None, **facts: Any) -> None:
        """Writes a finished trace of a caller, or of the operator, and drops the oldest beyond the newest thousand."""
        self._write([(trace, tenant, principals, facts)])

    def _write(self, rows: Sequence[_Row]) -> None:
        with self._translated(), self._file.writing() as db:
            db.executemany("INSERT OR REPLACE INTO traces_2 VALUES (?,?,?,?,?,?,?,?)", map(_columns, rows))
            db.execute("DELETE FROM traces_2 WHERE rowid <= (SELECT max(rowid) FROM traces_2) - ?", (self._kept,))
            if self._days is not None:  # of the oldest: a table of a million is not read for each trace
                old = "started < ? AND rowid IN (SELECT rowid FROM traces_2 ORDER BY rowid LIMIT ?)"
                db.execute(f"DELETE FROM traces_2 WHERE {old}", (self._from, TOGETHER))  # noqa: S608 - constants

    def show(self, trace_id: str, *, tenant: str, principals: Collection[str] | None = None) -> StoredTrace | None:
        """One trace; a prefix of its id will do where it is the only one of the tenant's that may be seen."""
        self._settle()
        if self._nothing:
            return None
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM traces_2"  # noqa: S608 - constants
                f" WHERE tenant=:tenant AND started >= :since AND substr(id, 1, :length) = :id AND {_MAY_SEE}",
                {"length": len(trace_id), "id": trace_id, **self._whose(tenant, principals)},
            ).fetchall()
        return _stored(rows[0]) if trace_id and len(rows) == 1 else None

    def newest(self, limit: int = 20, *, tenant: str, principals: Collection[str] | None = None) -> list[StoredTrace]:
        """A tenant's last traces that may be seen, newest first."""
        self._settle()
        if self._nothing:
            return []
        with self._reading() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM traces_2"  # noqa: S608 - constants
                f" WHERE tenant=:tenant AND started >= :since AND {_MAY_SEE} ORDER BY started DESC LIMIT :limit",
                {"limit": limit, **self._whose(tenant, principals)},
            ).fetchall()
        return [_stored(row) for row in rows]

    def forget(self, words: str, *, tenant: str) -> None:
        """Removes a tenant's traces that hold these words anywhere."""
        written = json.dumps(words)[1:-1]
        self._settle()
        if self._nothing:
            return
        with self._translated(), self._file.writing() as db:
            db.execute(
                "DELETE FROM traces_2 WHERE tenant=? AND (instr(facts, ?) OR instr(steps, ?))",
                (tenant, written, written),
            )

    def forget_user(self, user: str, *, tenant: str) -> int:
        """Removes a tenant's traces of a person; says how many those were."""
        self._settle()
        if self._nothing:
            return 0
        with self._translated(), self._file.writing() as db:
            mine = "tenant=? AND json_extract(facts, '$.user') = ?"
            return db.execute(f"DELETE FROM traces_2 WHERE {mine}", (tenant, user)).rowcount  # noqa: S608 - constants

    def _settle(self) -> None:
        """Waits until what was to be kept is kept."""
        if (last := self._last) is not None:
            self._hurry.set()
            last.result()
            self._hurry.clear()

    @property
    def _from(self) -> float:
        """What began before this is too old."""
        return float("-inf") if self._days is None else self._clock() - DAY * self._days

    def _whose(self, tenant: str, principals: Collection[str] | None) -> dict[str, Any]:
        given = {"all": principals is None, "principals": _listed(principals or ())}
        return {"tenant": tenant, "since": self._from, **given}

    @property
    def _nothing(self) -> bool:
        """Whether nothing was ever kept: who only reads makes no file."""
        return self.path is not None and not self.path.exists()

    def close(self) -> None:
        """Closes the file; twice is harmless."""
        with self._queue:
            writer, self._writer = self._writer, None
        if writer is not None:
            self._hurry.set()
            writer.shutdown()
        self._closed = True
        self._file.close()

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with self._translated(), self._file.reading() as db:
            yield db

    @contextmanager
    def _translated(self) -> Generator[None]:
        where = str(self.path or "memory")
        if self._closed:
            raise StateError("traces cannot be kept: they are closed", where=where, hint="Open it again.")
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            self._file.close()  # so that a file that was damaged may be deleted, and the next trace makes it anew
            hint = "The file may be deleted at any time."
            raise StateError(f"traces cannot be kept: {error}", where=where, hint=hint) from error


def _create(db: sqlite3.Connection) -> None:
    for statement in filter(str.strip, _TABLE.split(";")):
        db.execute(statement)


def _columns(row: _Row) -> tuple[Any, ...]:
    trace, tenant, principals, facts = row
    seconds = max((step.start + step.seconds for step in trace.steps), default=0.0)
    steps = json.dumps([{name: getattr(step, name) for name in _STEP} for step in trace.steps], default=str)
    asked = None if principals is None else _listed(principals)
    if trace.user:
        facts = {**facts, "user": trace.user}
    return (trace.id, tenant, trace.name, trace.started, seconds, json.dumps(facts, default=str), steps, asked)


def _listed(principals: Collection[str]) -> str:
    return json.dumps(sorted(principals))


def _stored(row: tuple[Any, ...]) -> StoredTrace:
    steps = tuple(Step(**step) for step in json.loads(row[5]))
    asked = tuple(json.loads(row[6] or "[]"))
    return StoredTrace(row[0], row[1], row[2], row[3], json.loads(row[4]), steps, asked)


def _finished(row: _Row) -> StoredTrace:
    """As it is kept, and read again."""
    name, _, *rest = _columns(row)
    return _stored((name, *rest))
