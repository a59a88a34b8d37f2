"""`project.db`: documents with their text, their chunks, and how far each has come.

The methods block. They are safe to call from several threads; the pipelines call them in worker threads.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from ragstone.errors import StateError, StorageFull
from ragstone.state.migrations import migrate
from ragstone.types import Chunk, Document, Failure, Span

__all__ = ["ManifestRow", "ProjectState"]

SWITCH = 10.0  # seconds to wait for another process that opens a new file
BATCH = 500  # SQLite's older builds allow 999 variables in a statement


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """What is known of a document without its text. `state` is new, changed or live (see schema.py)."""

    id: str
    uri: str
    version: str
    fingerprint: str
    content_hash: str
    acl: tuple[str, ...]
    state: str


class ProjectState:
    """The state of one project, in a file or in memory.

    >>> state = ProjectState(None)
    >>> state.counts("ingest", tenant="default")
    {'documents': 0, 'chunks': 0}
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        where = str(path) if path else "memory"
        with self._translated(where):
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are ours: isolation_level None keeps the module from opening any by itself.
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
            try:
                _use_write_ahead_log(self._db)
                self._db.execute("PRAGMA synchronous = NORMAL")
                migrate(self._db, where=where)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Closes the file; twice is harmless."""
        with self._lock:
            self._db.close()

    # ── What a source holds ──────────────────────────────────────────────────────────────────────────────────────────

    def manifest(self, pipeline: str, *, tenant: str, source: str) -> dict[str, ManifestRow]:
        """The documents of one source by uri."""
        rows = self._rows(
            "SELECT id, uri, version, fingerprint, content_hash, acl, state FROM documents"
            " WHERE pipeline=? AND tenant=? AND source=?",
            (pipeline, tenant, source),
        )
        return {row[1]: ManifestRow(*row[:5], acl=tuple(json.loads(row[5])), state=row[6]) for row in rows}

    def sources(self, pipeline: str, *, tenant: str) -> list[str]:
        """The sources that documents came from."""
        rows = self._rows("SELECT DISTINCT source FROM documents WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        return [row[0] for row in rows]

    def begin(
        self,
        pipeline: str,
        entries: Sequence[tuple[Document, str, str, Sequence[Chunk]]],
        *,
        tenant: str,
        fingerprint: str,
    ) -> None:
        """Writes documents, each with its source version, its language and its chunks, as not yet live.

        Chunks of an earlier version that are gone become orphans. All of it happens, or nothing.
        """
        with self._write() as db:
            for document, version, language, chunks in entries:
                known = db.execute(
                    "SELECT state FROM documents WHERE pipeline=? AND id=?", (pipeline, document.id)
                ).fetchone()
                state = "changed" if known and known[0] != "new" else "new"
                self._orphan(db, pipeline, tenant, document.id, keep={chunk.id for chunk in chunks})
                db.execute(
                    "INSERT OR REPLACE INTO documents VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                    _document_row(pipeline, tenant, document, language, version, fingerprint, state),
                )
                db.executemany(
                    "INSERT OR REPLACE INTO chunks VALUES (?,?,?,?,?,?,?,?)",
                    (_chunk_row(pipeline, chunk) for chunk in chunks),
                )
                self._forget_failure(db, pipeline, tenant, document.source, document.uri)

    def settle(self, pipeline: str, ids: Iterable[str]) -> None:
        """Marks documents as live: their chunks are in every index."""
        with self._write() as db:
            db.executemany(
                "UPDATE documents SET state='live' WHERE pipeline=? AND id=?", [(pipeline, found) for found in ids]
            )

    def remove(self, pipeline: str, ids: Iterable[str], *, tenant: str) -> None:
        """Removes documents; their chunks become orphans."""
        with self._write() as db:
            for found in ids:
                self._orphan(db, pipeline, tenant, found, keep=set())
                db.execute("DELETE FROM documents WHERE pipeline=? AND id=?", (pipeline, found))

    def orphans(self, pipeline: str, *, tenant: str) -> list[str]:
        """Chunk ids that have still to go from the indexes."""
        rows = self._rows("SELECT id FROM orphans WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        return [row[0] for row in rows]

    def forget_orphans(self, pipeline: str, ids: Iterable[str], *, tenant: str) -> None:
        """Notes that these chunks are gone from every index."""
        with self._write() as db:
            rows = [(pipeline, tenant, found) for found in ids]
            db.executemany("DELETE FROM orphans WHERE pipeline=? AND tenant=? AND id=?", rows)

    def set_acl(self, pipeline: str, document_id: str, acl: tuple[str, ...]) -> None:
        """Changes who may see a document, at once; what it was is forgotten, so that the indexes follow."""
        with self._write() as db:
            db.execute(
                "UPDATE documents SET acl=?, version='', content_hash='' WHERE pipeline=? AND id=?",
                (json.dumps(acl), pipeline, document_id),
            )

    def touch(self, pipeline: str, document_id: str, version: str) -> None:
        """Notes that a document has another version and the same content."""
        with self._write() as db:
            db.execute("UPDATE documents SET version=? WHERE pipeline=? AND id=?", (version, pipeline, document_id))

    def fail(self, pipeline: str, failure: Failure, *, tenant: str, source: str) -> None:
        """Puts on record why a document could not be read. An earlier version of it stays."""
        with self._write() as db:
            row = (pipeline, tenant, source, failure.uri, failure.reason)
            db.execute("INSERT OR REPLACE INTO failures VALUES (?,?,?,?,?)", row)

    def forget_failures(self, pipeline: str, uris: Iterable[str], *, tenant: str, source: str) -> None:
        """Forgets the failures of items that are no longer listed."""
        with self._write() as db:
            for uri in uris:
                self._forget_failure(db, pipeline, tenant, source, uri)

    def failures(self, pipeline: str, *, tenant: str, source: str) -> list[Failure]:
        """Why each document of a source that failed last time could not be read."""
        rows = self._rows(
            "SELECT uri, reason FROM failures WHERE pipeline=? AND tenant=? AND source=? ORDER BY uri",
            (pipeline, tenant, source),
        )
        return [Failure(*row) for row in rows]

    # ── What a question needs ────────────────────────────────────────────────────────────────────────────────────────

    def chunks(self, pipeline: str, ids: Sequence[str], *, tenant: str) -> dict[str, Chunk]:
        """Chunks by id; one that is unknown, or belongs to another tenant, is left out."""
        found: dict[str, Chunk] = {}
        for first in range(0, len(ids), BATCH):
            part = ids[first : first + BATCH]
            marks = ",".join("?" * len(part))
            rows = self._rows(
                "SELECT c.id, c.document_id, c.start, c.end, c.line, c.text, c.spans,"  # noqa: S608 - only marks are put in
                " d.uri, d.title, d.metadata, d.acl"
                " FROM chunks c JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
                f" WHERE d.tenant=? AND c.pipeline=? AND c.id IN ({marks})",
                (tenant, pipeline, *part),
            )
            found.update((row[0], _chunk(row)) for row in rows)
        return found

    def languages(self, pipeline: str, *, tenant: str) -> list[str]:
        """The languages of the documents, the most frequent first."""
        rows = self._rows(
            "SELECT language FROM documents WHERE pipeline=? AND tenant=? GROUP BY language ORDER BY COUNT(*) DESC, 1",
            (pipeline, tenant),
        )
        return [row[0] for row in rows]

    def protected(self, pipeline: str, *, tenant: str) -> bool:
        """Whether any document is not for everyone, so that every search has to ask who asks."""
        statement = """SELECT 1 FROM documents WHERE pipeline=? AND tenant=? AND acl <> '["public"]' LIMIT 1"""
        return bool(self._rows(statement, (pipeline, tenant)))

    def fingerprints(self, pipeline: str, *, tenant: str) -> list[str]:
        """The pipeline fingerprints that the documents were ingested with."""
        rows = self._rows(
            "SELECT DISTINCT fingerprint FROM documents WHERE pipeline=? AND tenant=?", (pipeline, tenant)
        )
        return [row[0] for row in rows]

    def document(self, pipeline: str, document_id: str, *, tenant: str) -> Document | None:
        """One document with its text; None when it is unknown, or another tenant's."""
        rows = self._rows(
            "SELECT id, source, uri, title, media_type, text, content_hash, spans, metadata, acl, warnings"
            " FROM documents WHERE pipeline=? AND id=? AND tenant=?",
            (pipeline, document_id, tenant),
        )
        return _document(rows[0]) if rows else None

    def empty(self, pipeline: str, *, tenant: str) -> bool:
        """Whether there is nothing to search."""
        return not self._rows("SELECT 1 FROM documents WHERE pipeline=? AND tenant=? LIMIT 1", (pipeline, tenant))

    def counts(self, pipeline: str, *, tenant: str) -> dict[str, int]:
        """How many documents and chunks there are."""
        documents = self._rows("SELECT COUNT(*) FROM documents WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        chunks = self._rows(
            "SELECT COUNT(*) FROM chunks c JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            " WHERE d.pipeline=? AND d.tenant=?",
            (pipeline, tenant),
        )
        return {"documents": documents[0][0], "chunks": chunks[0][0]}

    def live_chunks(self, pipeline: str, *, tenant: str) -> int:
        """How many chunks every index must hold."""
        rows = self._rows(
            "SELECT COUNT(*) FROM chunks c JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            " WHERE d.pipeline=? AND d.tenant=? AND d.state='live'",
            (pipeline, tenant),
        )
        return rows[0][0]

    def forget_versions(self, pipeline: str, *, tenant: str) -> None:
        """Lets the next comparison find every document changed, so that the indexes are filled again."""
        with self._write() as db:
            db.execute(
                "UPDATE documents SET version='', content_hash='' WHERE pipeline=? AND tenant=?", (pipeline, tenant)
            )

    # ── Underneath ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock, self._translated(str(self.path)):
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection]:
        with self._lock, self._translated(str(self.path)):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @staticmethod
    def _orphan(db: sqlite3.Connection, pipeline: str, tenant: str, document_id: str, *, keep: set[str]) -> None:
        rows = db.execute("SELECT id FROM chunks WHERE pipeline=? AND document_id=?", (pipeline, document_id))
        gone = [row[0] for row in rows if row[0] not in keep]
        db.executemany("INSERT OR IGNORE INTO orphans VALUES (?,?,?)", [(pipeline, tenant, found) for found in gone])
        db.executemany("DELETE FROM chunks WHERE pipeline=? AND id=?", [(pipeline, found) for found in gone])
        # A chunk that came back (an edit that was undone) must not be deleted after it is written again.
        back = [(pipeline, tenant, found) for found in keep]
        db.executemany("DELETE FROM orphans WHERE pipeline=? AND tenant=? AND id=?", back)

    @staticmethod
    def _forget_failure(db: sqlite3.Connection, pipeline: str, tenant: str, source: str, uri: str) -> None:
        db.execute(
            "DELETE FROM failures WHERE pipeline=? AND tenant=? AND source=? AND uri=?", (pipeline, tenant, source, uri)
        )

    @staticmethod
    @contextmanager
    def _translated(where: str) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise _ours(error, where) from error


FULL = 1 << 20  # bytes; with less than this left a disk is full, whatever SQLite calls it
FRESH = "Delete .ragstone/ and run `ragstone ingest`: it makes everything again from your documents."


def _ours(error: sqlite3.Error | OSError, where: str) -> StateError:
    words = str(error)
    folder = Path(where).parent
    if "full" in words or (folder.is_dir() and shutil.disk_usage(folder).free < FULL):
        return StorageFull("the disk is full", where=where, hint="Free some space and run it again.")
    if "closed database" in words:
        return StateError("this Rag is closed", where=where, hint="Open it again.")
    if "malformed" in words or "not a database" in words:
        return StateError("the project's state is damaged", where=where, hint=FRESH)
    if isinstance(error, OSError) or "readonly" in words or "unable to open" in words:
        return StateError(
            f"cannot be written: {words}", where=where, hint="Is it writable? Ragstone keeps its state there."
        )
    return StateError(f"the project's state cannot be used: {words}", where=where, hint=FRESH)


def _use_write_ahead_log(db: sqlite3.Connection) -> None:
    """The switch does not wait for another process as everything else does, so it is tried again."""
    limit = time.monotonic() + SWITCH
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > limit:
                raise
            time.sleep(0.02)


# ── Rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _document_row(
    pipeline: str, tenant: str, document: Document, language: str, version: str, fingerprint: str, state: str
) -> tuple[str, ...]:
    return (
        pipeline,
        document.id,
        tenant,
        document.source,
        document.uri,
        document.title,
        document.media_type,
        language,
        _json(document.metadata),
        json.dumps(document.acl),
        json.dumps(document.warnings),
        document.content_hash,
        version,
        fingerprint,
        state,
        _spans_json(document.spans),
        document.text,
    )


def _chunk_row(pipeline: str, chunk: Chunk) -> tuple[Any, ...]:
    place = (chunk.start, chunk.end, chunk.line)
    return (pipeline, chunk.id, chunk.document_id, *place, chunk.text, _spans_json(chunk.spans))


def _chunk(row: Sequence[Any]) -> Chunk:
    return Chunk(
        id=row[0],
        document_id=row[1],
        start=row[2],
        end=row[3],
        line=row[4],
        text=row[5],
        spans=_spans(row[6]),
        uri=row[7],
        title=row[8],
        metadata=json.loads(row[9]),
        acl=tuple(json.loads(row[10])),
    )


def _document(row: Sequence[Any]) -> Document:
    return Document(
        id=row[0],
        source=row[1],
        uri=row[2],
        title=row[3],
        media_type=row[4],
        text=row[5],
        content_hash=row[6],
        spans=_spans(row[7]),
        metadata=json.loads(row[8]),
        acl=tuple(json.loads(row[9])),
        warnings=tuple(json.loads(row[10])),
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), ensure_ascii=False)


def _spans_json(spans: Sequence[Span]) -> str:
    return json.dumps([astuple(span) for span in spans], ensure_ascii=False)


def _spans(text: str) -> tuple[Span, ...]:
    return tuple(Span(*values) for values in json.loads(text))
