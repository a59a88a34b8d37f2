"""`traces.db`: the last requests, each with its steps. It may be deleted at any time."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Generator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ragstone.errors import StateError
from ragstone.types import Step, StoredTrace, Trace

__all__ = ["TraceStore"]

KEPT = 1000  # the newest traces; older ones make room

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

_COLUMNS = "id, name, started, seconds, facts, steps"
_MAY_SEE = (
    "(:all OR (principals IS NOT NULL AND NOT EXISTS"
    " (SELECT 1 FROM json_each(principals) WHERE value NOT IN (SELECT value FROM json_each(:principals)))))"
)


class TraceStore:
    """Keeps traces in a file, or in memory without one. Its methods block.

    A trace tells what was asked and what was found, so it is shown to those alone who may see all that its caller may:
    who has every principal of theirs. To principals of None, the operator, it shows all.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._memory = sqlite3.connect(":memory:", check_same_thread=False) if path is None else None
        if self._memory:
            self._memory.executescript(_TABLE)

    def keep(self, trace: Trace, *, tenant: str, principals: Collection[str] | None = None, **facts: Any) -> None:
        """Writes a finished trace of a caller, or of the operator, and drops the oldest beyond the newest thousand."""
        seconds = max((step.start + step.seconds for step in trace.steps), default=0.0)
        steps = json.dumps([asdict(step) for step in trace.steps], default=str)
        with self._open(writing=True) as db, db:
            asked = None if principals is None else _listed(principals)
            row = (trace.id, tenant, trace.name, trace.started, seconds, json.dumps(facts, default=str), steps, asked)
            db.execute("INSERT OR REPLACE INTO traces_2 VALUES (?,?,?,?,?,?,?,?)", row)
            db.execute(
                "DELETE FROM traces_2 WHERE started <"
                " (SELECT started FROM traces_2 ORDER BY started DESC LIMIT 1 OFFSET ?)",
                (KEPT - 1,),
            )

    def show(self, trace_id: str, *, tenant: str, principals: Collection[str] | None = None) -> StoredTrace | None:
        """One trace; a prefix of its id will do where it is the only one of the tenant's that may be seen."""
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM traces_2"  # noqa: S608 - constants
                f" WHERE tenant=:tenant AND substr(id, 1, :length) = :id AND {_MAY_SEE}",
                {"tenant": tenant, "length": len(trace_id), "id": trace_id, **_who(principals)},
            ).fetchall()
        return _stored(rows[0]) if trace_id and len(rows) == 1 else None

    def newest(self, limit: int = 20, *, tenant: str, principals: Collection[str] | None = None) -> list[StoredTrace]:
        """A tenant's last traces that may be seen, newest first."""
        with self._open() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM traces_2 WHERE tenant=:tenant AND {_MAY_SEE}"  # noqa: S608 - constants
                " ORDER BY started DESC LIMIT :limit",
                {"tenant": tenant, "limit": limit, **_who(principals)},
            ).fetchall()
        return [_stored(row) for row in rows]

    def forget(self, words: str, *, tenant: str) -> None:
        """Removes a tenant's traces that hold these words anywhere."""
        written = json.dumps(words)[1:-1]
        with self._open(writing=True) as db, db:
            db.execute(
                "DELETE FROM traces_2 WHERE tenant=? AND (instr(facts, ?) OR instr(steps, ?))",
                (tenant, written, written),
            )

    def close(self) -> None:
        """Closes what is held open; twice is harmless."""
        if self._memory:
            self._memory.close()

    @contextmanager
    def _open(self, *, writing: bool = False) -> Generator[sqlite3.Connection]:
        try:
            if self._memory:
                yield self._memory
                return
            assert self.path is not None
            target: Path | str = self.path if writing or self.path.exists() else ":memory:"
            if writing:
                self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(target, timeout=5)) as db:
                db.executescript(_TABLE)
                yield db
        except (sqlite3.Error, OSError) as error:
            where = str(self.path or "memory")
            hint = "The file may be deleted at any time."
            raise StateError(f"traces cannot be kept: {error}", where=where, hint=hint) from error


def _who(principals: Collection[str] | None) -> dict[str, Any]:
    return {"all": principals is None, "principals": _listed(principals or ())}


def _listed(principals: Collection[str]) -> str:
    return json.dumps(sorted(principals))


def _stored(row: tuple[Any, ...]) -> StoredTrace:
    steps = tuple(Step(**step) for step in json.loads(row[5]))
    return StoredTrace(row[0], row[1], row[2], row[3], json.loads(row[4]), steps)
