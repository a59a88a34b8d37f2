"""The texts of a RagstoneVectorStore: our vector stores keep none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ragstone.errors import UsageError
from ragstone.state import batches, faults
from ragstone.state.database import Database, create

__all__ = ["Shelf"]

FORMAT = 1
SCHEMA = "CREATE TABLE documents (id TEXT PRIMARY KEY, text TEXT NOT NULL, metadata TEXT NOT NULL)"


class Shelf:
    """Texts and metadata by id, in a SQLite file or in memory. Its methods block."""

    def __init__(self, path: Path | None) -> None:
        self.label = str(path) if path else "the texts in memory"
        self._file = Database(path, self._create)

    def put(self, texts: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Keeps or replaces texts. Raises UsageError for metadata that are not JSON."""
        rows = [(name, text, _said(name, metadata)) for name, (text, metadata) in texts.items()]
        with faults.translated(self.label), self._file.writing() as db:
            batches.insert(db, "INSERT OR REPLACE INTO documents (id, text, metadata)", rows)

    def get(self, ids: Iterable[str]) -> dict[str, tuple[str, dict[str, Any]]]:
        """Those that are there."""
        statement = f"SELECT id, text, metadata FROM documents WHERE id {batches.IN}"  # noqa: S608 - a constant
        with faults.translated(self.label), self._file.reading() as db:
            found = db.execute(statement, (batches.ids(ids),)).fetchall()
        return {name: (text, json.loads(metadata)) for name, text, metadata in found}

    def remove(self, ids: Sequence[str]) -> None:
        """Removes; an unknown id is no error."""
        with faults.translated(self.label), self._file.reading() as db:
            db.execute(f"DELETE FROM documents WHERE id {batches.IN}", (batches.ids(ids),))  # noqa: S608

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _create(self, db: sqlite3.Connection) -> None:
        create(db, SCHEMA, version=FORMAT, where=self.label)


def _said(name: str, metadata: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(metadata))
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"the metadata of {name!r} cannot be kept: {error}", expected="text, numbers, booleans, lists and mappings"
        ) from error
