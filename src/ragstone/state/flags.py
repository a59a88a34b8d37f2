"""What checks have found in documents at ingestion: noted in the same transaction as the documents themselves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ragstone.reports import Flagged
from ragstone.state import batches
from ragstone.state.batches import IN

__all__ = ["BARRED", "FLAGS", "forget_flags", "note_flags", "to_flagged"]

FLAGS = (
    "SELECT d.uri, f.name, f.action, f.reason, f.start, f.end, f.page, f.line FROM flags f"
    " JOIN documents d ON d.pipeline = f.pipeline AND d.id = f.document_id"
    " WHERE f.pipeline=? AND d.tenant=? ORDER BY d.uri, f.start, f.end, f.name"
)
"""What was found in the documents of a tenant."""

BARRED = f"SELECT document_id, start, end FROM flags WHERE pipeline=? AND action='dropped' AND document_id {IN}"
"""The ranges of documents that were kept out of the index."""


def note_flags(db: sqlite3.Connection, pipeline: str, found: Mapping[str, Sequence[Flagged]]) -> None:
    """Notes what was found, by document."""
    rows = [
        (pipeline, document, one.start, one.end, one.page, one.line, one.check, one.action, one.reason)
        for document, flagged in found.items()
        for one in flagged
    ]
    batches.insert(db, "INSERT INTO flags", rows)


def forget_flags(db: sqlite3.Connection, pipeline: str, documents: Iterable[str]) -> None:
    """Forgets what was found in documents that are gone, or are written again."""
    db.execute(f"DELETE FROM flags WHERE pipeline=? AND document_id {IN}", (pipeline, batches.ids(documents)))


def to_flagged(row: Sequence[Any]) -> Flagged:
    """What was found, from the columns of `FLAGS`."""
    uri, check, action, reason, start, end, page, line = row
    return Flagged(uri=uri, check=check, action=action, reason=reason, start=start, end=end, page=page, line=line)
