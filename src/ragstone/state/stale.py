"""Which documents the caches have to forget, noted in the same transaction as what has become of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from ragstone.state import batches
from ragstone.state.batches import IN

__all__ = ["note_stale", "note_unlike"]


def note_stale(db: sqlite3.Connection, pipeline: str, documents: Iterable[str]) -> None:
    """Notes those of the documents that are there: an answer can rest on no other."""
    there = f"SELECT tenant, id FROM documents WHERE pipeline=? AND id {IN}"
    db.execute(f"INSERT OR IGNORE INTO stale {there}", (pipeline, batches.ids(documents)))


def note_unlike(db: sqlite3.Connection, pipeline: str, heir: str, tenant: str) -> None:
    """Notes the documents of an edition that the one after it lacks, or has otherwise."""
    db.execute(
        "INSERT OR IGNORE INTO stale SELECT tenant, id FROM documents old WHERE pipeline=? AND tenant=? AND NOT EXISTS"
        " (SELECT 1 FROM documents new WHERE new.pipeline=? AND new.id=old.id AND new.content_hash=old.content_hash"
        " AND new.fingerprint=old.fingerprint AND new.acl=old.acl AND new.metadata=old.metadata)",
        (pipeline, tenant, heir),
    )
