"""The texts of a RagstoneVectorStore: our vector stores keep none."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ragstone.errors import StateError, UsageError
from ragstone.state import batches, faults

__all__ = ["Shelf"]

FORMAT = 1


class Shelf:
    """Texts and metadata by id, in a SQLite file or in memory. Its methods block."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.label = str(path) if path else "the texts in memory"
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None

    def put(self, texts: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Keeps or replaces texts. Raises UsageError for metadata that are not JSON."""
        rows = [(name, text, _said(name, metadata)) for name, (text, metadata) in texts.items()]
        with self._opened() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                batches.insert(db, "INSERT OR REPLACE INTO documents (id, text, metadata)", rows)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    def get(self, ids: Iterable[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Those that are there."""
        statement = f"SELECT id, text, metadata FROM documents WHERE id {batches.IN}"  # noqa: S608 - a constant
        with self._opened() as db:
            found = db.execute(statement, (batches.ids(ids),)).fetchall()
        return {name: (text, json.loads(metadata)) for name, text, metadata in found}

    def remove(self, ids: Sequence[str]) -> None:
        """Removes; an unknown id is no error."""
        with self._opened() as db:
            db.execute(f"DELETE FROM documents WHERE id {batches.IN}", (batches.ids(ids),))  # noqa: S608

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with self._lock, faults.translated(self.label):
            if self._db is None:
                self._db = self._made()
            yield self._db

    def _made(self) -> sqlite3.Connection:
        if self.path:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, text TEXT NOT NULL, metadata TEXT NOT NULL)"
            )
            (found,) = db.execute("PRAGMA user_version").fetchone()
            if found not in (0, FORMAT):
                raise StateError(
                    "another version of Ragstone wrote this file",
                    where=self.label,
                    expected=f"format {FORMAT}",
                    found=str(found),
                )
            db.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            db.close()
            raise
        return db


def _said(name: str, metadata: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(metadata))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the metadata of {name!r} cannot be kept: {error}", expected="text, numbers, booleans, lists and mappings"
        ) from error
