"""`traces.db`: the last requests, each with its steps. It may be deleted at any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ragstone.errors import StateError
from ragstone.types import Step, Trace

__all__ = ["StoredTrace", "TraceStore"]

KEPT = 1000  # the newest traces; older ones make room

_TABLE = """
CREATE TABLE IF NOT EXISTS traces (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, started REAL NOT NULL, seconds REAL NOT NULL,
  facts TEXT NOT NULL, steps TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS traces_by_time ON traces (started);
"""


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A trace as it was kept. `facts` are the question, the tenant and the outcome; `started` counts from the epoch."""

    id: str
    name: str
    started: float
    seconds: float
    facts: Mapping[str, Any]
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """The trace as `ragstone trace show --json` prints it."""
        return asdict(self)


class TraceStore:
    """Keeps traces in a file, or in memory without one. Its methods block."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory = sqlite3.connect(":memory:", check_same_thread=False) if path is None else None
        if self._memory:
            self._memory.executescript(_TABLE)

    def keep(self, trace: Trace, **facts: Any) -> None:
        """Writes a finished trace, and drops the oldest beyond the newest thousand."""
        seconds = max((step.start + step.seconds for step in trace.steps), default=0.0)
        steps = json.dumps([asdict(step) for step in trace.steps], default=str)
        with self._open(writing=True) as db, db:
            row = (trace.id, trace.name, trace.started, seconds, json.dumps(facts, default=str), steps)
            db.execute("INSERT OR REPLACE INTO traces VALUES (?,?,?,?,?,?)", row)
            db.execute(
                "DELETE FROM traces WHERE started <"
                " (SELECT started FROM traces ORDER BY started DESC LIMIT 1 OFFSET ?)",
                (KEPT - 1,),
            )

    def show(self, trace_id: str) -> StoredTrace | None:
        """One trace; a prefix of its id will do where it is the only one."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM traces WHERE substr(id, 1, ?) = ?", (len(trace_id), trace_id)).fetchall()
        return _stored(rows[0]) if trace_id and len(rows) == 1 else None

    def newest(self, limit: int = 20) -> list[StoredTrace]:
        """The last traces, newest first."""
        with self._open() as db:
            rows = db.execute("SELECT * FROM traces ORDER BY started DESC LIMIT ?", (limit,)).fetchall()
        return [_stored(row) for row in rows]

    def close(self) -> None:
        """Closes what is held open; twice is harmless."""
        if self._memory:
            self._memory.close()

    @contextmanager
    def _open(self, *, writing: bool = False) -> Generator[sqlite3.Connection]:
        if self._memory:
            yield self._memory
            return
        assert self.path is not None
        target: Path | str = self.path if writing or self.path.exists() else ":memory:"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(target, timeout=5)) as db:
                db.executescript(_TABLE)
                yield db
        except (sqlite3.Error, OSError) as error:
            raise StateError(
                f"traces cannot be kept: {error}", where=str(self.path), hint="The file may be deleted at any time."
            ) from error


def _stored(row: tuple[Any, ...]) -> StoredTrace:
    steps = tuple(Step(**step) for step in json.loads(row[5]))
    return StoredTrace(row[0], row[1], row[2], row[3], json.loads(row[4]), steps)
