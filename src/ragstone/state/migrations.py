"""Brings the state of an older version up to this one, or refuses what it does not know."""

from __future__ import annotations

import sqlite3

from ragstone.errors import StateError
from ragstone.state.schema import FLAGS, INGESTIONS, STALE, TABLES, VERSION

_ASIDE = """
ALTER TABLE documents RENAME TO documents_1;
DROP INDEX documents_by_source;
DROP INDEX documents_facts;
DROP INDEX documents_not_public;
ALTER TABLE chunks RENAME TO chunks_1;
DROP INDEX chunks_by_document;
"""
_BACK = """
INSERT INTO documents SELECT pipeline, id, tenant, source, uri, title, media_type, language, metadata, acl, warnings,
  content_hash, version, fingerprint, '', media_type IN ('text/plain', 'text/markdown'), state, spans, text
  FROM documents_1;
INSERT INTO chunks SELECT pipeline, id, document_id, start, end, line, NULL, NULL, '', text, spans FROM chunks_1;
DROP TABLE documents_1;
DROP TABLE chunks_1;
"""

STEPS: dict[int, str] = {
    1: _ASIDE + TABLES.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS") + _BACK,
    2: STALE,
    3: FLAGS,
    4: INGESTIONS,
}
"""From each older version the statements that lead to the next."""


def migrate(connection: sqlite3.Connection, *, where: str) -> None:
    """Creates the tables of a new file, or applies each step that is missing, in one transaction.

    The version is read inside it: another process may be at the same work.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if found > VERSION:
            raise StateError(
                "was written by a newer Ragstone",
                where=where,
                expected=f"format {VERSION} or older",
                found=f"format {found}",
                hint="Run: pip install --upgrade ragstone",
            )
        if found < VERSION:
            steps = range(found, VERSION)
            script = TABLES + STALE + FLAGS + INGESTIONS if found == 0 else "".join(STEPS[version] for version in steps)
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
