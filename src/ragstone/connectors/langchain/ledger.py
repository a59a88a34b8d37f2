"""What was written to a store, in a SQLite file beside it, or in memory.

LangChain's interface neither lists ids nor gives vectors back, so they are noted here: each id with its vector and what
filters look at. A store that lives in memory is filled from here.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ragstone.connectors.langchain.where import Fields
from ragstone.state import batches, faults
from ragstone.state.database import Database, create

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["Ledger", "Row"]

FORMAT = 1
SCHEMA = """
CREATE TABLE records (id TEXT PRIMARY KEY, revision INTEGER NOT NULL, vector BLOB NOT NULL, fields TEXT NOT NULL);
CREATE INDEX records_by_revision ON records (revision);
CREATE TABLE revisions (last INTEGER NOT NULL);
INSERT INTO revisions VALUES (0);
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A record as it is noted."""

    id: str
    vector: Vector
    fields: Fields


class Ledger:
    """Its methods block, and may be called from several threads at once."""

    def __init__(self, path: Path | None) -> None:
        self.label = str(path) if path else "the vectors in memory"
        self._file = Database(path, self._create)

    # ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def put(self, rows: Sequence[Row]) -> int:
        """Notes or replaces rows; returns the revision that they are."""
        with self._changing() as db:
            (revision,) = db.execute("UPDATE revisions SET last = last + 1 RETURNING last").fetchone()
            kept = [(row.id, revision, row.vector.astype("<f4").tobytes(), json.dumps(row.fields)) for row in rows]
            batches.insert(db, "INSERT OR REPLACE INTO records (id, revision, vector, fields)", kept)
        return revision

    def remove(self, ids: Sequence[str]) -> None:
        """Strikes rows out; an unknown id is no error."""
        with self._changing() as db:
            db.execute(f"DELETE FROM records WHERE id {batches.IN}", (batches.ids(ids),))  # noqa: S608 - a constant

    # ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def ids(self) -> list[str]:
        """Every id."""
        with self._reading() as db:
            return [name for (name,) in db.execute("SELECT id FROM records")]

    def known(self, ids: Iterable[str]) -> list[str]:
        """Those of the ids that are noted."""
        with self._reading() as db:
            found = db.execute(f"SELECT id FROM records WHERE id {batches.IN}", (batches.ids(ids),))  # noqa: S608
            return [name for (name,) in found]

    def count(self) -> int:
        """How many there are."""
        with self._reading() as db:
            return db.execute("SELECT count(*) FROM records").fetchone()[0]

    def length(self) -> int | None:
        """How long the vectors are; None without any."""
        with self._reading() as db:
            found = db.execute("SELECT length(vector) / 4 FROM records LIMIT 1").fetchone()
            return found[0] if found else None

    def rows(self, ids: Iterable[str]) -> list[Row]:
        """Those that are noted, in any order."""
        statement = f"SELECT id, vector, fields FROM records WHERE id {batches.IN}"  # noqa: S608 - a constant
        with self._reading() as db:
            return _rows(db.execute(statement, (batches.ids(ids),)).fetchall())

    def version(self) -> tuple[int, int]:
        """Another one when another connection has written, or the file is another."""
        with self._reading() as db:
            return self._file.opens, db.execute("PRAGMA data_version").fetchone()[0]

    def since(self, revision: int) -> tuple[list[Row], int]:
        """The rows that were written after a revision, and the last revision."""
        with self._reading() as db:
            db.execute("BEGIN")
            try:
                (last,) = db.execute("SELECT last FROM revisions").fetchone()
                found = db.execute("SELECT id, vector, fields FROM records WHERE revision > ?", (revision,)).fetchall()
            finally:
                db.execute("COMMIT")
        return _rows(found), last

    def close(self) -> None:
        """Closes the file; the next call opens it again. What was noted in memory alone is gone."""
        self._file.close()

    # ── The file ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _create(self, db: sqlite3.Connection) -> None:
        create(db, SCHEMA, version=FORMAT, where=self.label)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        with faults.translated(self.label), self._file.reading() as db:
            yield db

    @contextmanager
    def _changing(self) -> Generator[sqlite3.Connection]:
        with faults.translated(self.label), self._file.writing() as db:
            yield db


def _rows(found: Iterable[tuple[str, bytes, str]]) -> list[Row]:
    import numpy as np

    return [Row(name, np.frombuffer(vector, "<f4"), json.loads(said)) for name, vector, said in found]
