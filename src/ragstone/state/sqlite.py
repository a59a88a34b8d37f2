"""`project.db`: documents with their text, their chunks, and how far each has come.

The methods block. They are safe to call from several threads; the pipelines call them in worker threads.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ragstone.recent import Recent
from ragstone.reports import Failure, Flagged
from ragstone.state import batches
from ragstone.state import rows as to
from ragstone.state.batches import IN
from ragstone.state.database import use_write_ahead_log
from ragstone.state.faults import translated
from ragstone.state.flags import BARRED, FLAGS, forget_flags, note_flags, to_flagged
from ragstone.state.listing import DocumentsPage, listing, page_of
from ragstone.state.migrations import migrate
from ragstone.state.stale import note_stale, note_unlike
from ragstone.types import Chunk, Document, Trust

__all__ = ["Facts", "ManifestRow", "ProjectState"]


READ = 5_000_000  # characters of chunks that stay in memory: all of a small index
BESIDE = 500  # what the rest of a chunk takes
NOTHING: Mapping[str, Sequence[Flagged]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """What is known of a document without its text. `state` is new, changed, relabelled or live (see schema.py).

    `acl` and `trust` are its labels.
    """

    id: str
    uri: str
    version: str
    fingerprint: str
    content_hash: str
    parent: str
    state: str
    acl: tuple[str, ...]
    trust: Trust = "retrieved"


@dataclass(frozen=True, slots=True)
class Facts:
    """An index as a whole."""

    languages: Mapping[str, int]  # how many documents are in each, the most frequent first
    protected: bool  # whether any document is not for everyone, so that every search has to ask who asks
    fingerprints: Sequence[str]  # of the pipelines that the documents were ingested with

    @property
    def empty(self) -> bool:
        """Whether there is nothing to search."""
        return not self.fingerprints


class ProjectState:
    """The state of one project, in a file or in memory.

    >>> state = ProjectState(None)
    >>> state.counts("ingest", tenant="default")
    {'documents': 0, 'chunks': 0}
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._written = 0
        self._revised = (-1, -1)  # the revision that these are of
        self._facts: dict[tuple[str, str], Facts] = {}
        self._chunks = Recent[tuple[str, str, str], Chunk](READ, weigh=lambda _, chunk: len(chunk.embedded) + BESIDE)
        where = str(path) if path else "memory"
        with translated(where):
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
            # Transactions are ours: isolation_level None keeps the module from opening any by itself.
            self._db = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None, timeout=10)
            try:
                use_write_ahead_log(self._db)
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
            f"SELECT {to.MANIFEST} FROM documents WHERE pipeline=? AND tenant=? AND source=?",
            (pipeline, tenant, source),
        )
        return {row[1]: _manifest(row) for row in rows}

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
        removed: Iterable[str] = (),
        flagged: Mapping[str, Sequence[Flagged]] = NOTHING,
        ingestion: str = "",
    ) -> None:
        """Writes documents, each with its source version, its language and its chunks, as not yet live.

        Chunks of an earlier version that are gone become orphans, like those of the `removed` documents. `flagged` is
        what checks have found, by document, `ingestion` the run's trace. All of it happens, or nothing.
        """
        documents = [document for document, *_ in entries]
        chunks = [chunk for *_, found in entries for chunk in found]
        with self._write() as db:
            self._remove(db, pipeline, tenant, list(removed))
            known = self._states(db, pipeline, documents)
            note_stale(db, pipeline, known)
            kept = batches.ids(chunk.id for chunk in chunks)
            self._orphan(db, pipeline, tenant, batches.ids(document.id for document in documents), kept)
            # A chunk that came back (an edit that was undone) must not be deleted after it is written again.
            db.execute(f"DELETE FROM orphans WHERE pipeline=? AND tenant=? AND id {IN}", (pipeline, tenant, kept))
            rows = [
                to.document_row(pipeline, tenant, one, language, version, fingerprint, known[one.id], ingestion)
                for one, version, language, _ in entries
            ]
            batches.insert(db, "INSERT OR REPLACE INTO documents", rows)
            batches.insert(db, "INSERT OR REPLACE INTO chunks", [to.chunk_row(pipeline, chunk) for chunk in chunks])
            forget_flags(db, pipeline, known)
            note_flags(db, pipeline, flagged)
            for source in {document.source for document in documents}:
                uris = [document.uri for document in documents if document.source == source]
                self._forget_failures(db, pipeline, tenant, source, uris)

    def settle(self, pipeline: str, ids: Iterable[str]) -> None:
        """Marks documents as live: their chunks are in every index."""
        with self._write() as db:
            live = f"UPDATE documents SET state='live' WHERE pipeline=? AND id {IN}"
            db.execute(live, (pipeline, batches.ids(ids)))

    def remove(self, pipeline: str, ids: Iterable[str], *, tenant: str) -> None:
        """Removes documents; their chunks become orphans."""
        with self._write() as db:
            self._remove(db, pipeline, tenant, list(ids))

    def orphans(self, pipeline: str, *, tenant: str) -> list[str]:
        """Chunk ids that have still to go from the indexes."""
        rows = self._rows("SELECT id FROM orphans WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        return [row[0] for row in rows]

    def forget_orphans(self, pipeline: str, ids: Iterable[str], *, tenant: str) -> None:
        """Notes that these chunks are gone from every index."""
        with self._write() as db:
            gone = f"DELETE FROM orphans WHERE pipeline=? AND tenant=? AND id {IN}"
            db.execute(gone, (pipeline, tenant, batches.ids(ids)))

    def add_orphans(self, pipeline: str, ids: Iterable[str], *, tenant: str) -> None:
        """Notes chunk ids that an index holds and nobody knows."""
        with self._write() as db:
            batches.insert(db, "INSERT OR IGNORE INTO orphans", [(pipeline, tenant, found) for found in ids])

    def relabel(self, pipeline: str, document_id: str, acl: tuple[str, ...], trust: Trust | None = None) -> None:
        """Changes who may see a document, and how far it is trusted, at once; the indexes have still to follow.

        Without `trust` that stays as it is.
        """
        with self._write() as db:
            note_stale(db, pipeline, [document_id])
            row = db.execute("SELECT metadata FROM documents WHERE pipeline=? AND id=?", (pipeline, document_id))
            held = (row.fetchone() or ("{}",))[0]
            metadata = held if trust is None else to.relabelled(held, trust)
            db.execute(
                "UPDATE documents SET acl=?, metadata=?, state=CASE state WHEN 'live' THEN 'relabelled' ELSE state END"
                " WHERE pipeline=? AND id=?",
                (json.dumps(acl), metadata, pipeline, document_id),
            )

    def demand(self, pipeline: str, chunks: Iterable[str]) -> None:
        """Notes that an index lacks these chunks."""
        with self._write() as db:
            db.execute(
                "UPDATE documents SET state='changed' WHERE pipeline=? AND state<>'new' AND id IN"
                f" (SELECT document_id FROM chunks c WHERE c.pipeline=documents.pipeline AND c.id {IN})",
                (pipeline, batches.ids(chunks)),
            )

    def pending(self, pipeline: str, *, tenant: str) -> list[ManifestRow]:
        """The documents that are not live yet."""
        rows = self._rows(
            f"SELECT {to.MANIFEST} FROM documents WHERE pipeline=? AND tenant=? AND state<>'live' ORDER BY source, uri",
            (pipeline, tenant),
        )
        return [_manifest(row) for row in rows]

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
            self._forget_failures(db, pipeline, tenant, source, uris)

    def failures(self, pipeline: str, *, tenant: str, source: str | None = None) -> list[Failure]:
        """Why each document that failed last time could not be read, of one source or of all."""
        rows = self._rows(
            "SELECT uri, reason FROM failures"
            " WHERE pipeline=? AND tenant=? AND source=coalesce(?, source) ORDER BY uri",
            (pipeline, tenant, source),
        )
        return [Failure(*row) for row in rows]

    def flagged(self, pipeline: str, *, tenant: str) -> list[Flagged]:
        """What checks have found in the documents, in their order."""
        return [to_flagged(row) for row in self._rows(FLAGS, (pipeline, tenant))]

    def barred(self, pipeline: str, documents: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
        """The ranges of these documents that a check has kept out of the index; most have none."""
        found: dict[str, list[tuple[int, int]]] = {}
        for document, start, end in self._rows(BARRED, (pipeline, batches.ids(documents))):
            found.setdefault(document, []).append((start, end))
        return found

    # ── What is kept out, and which edition counts ───────────────────────────────────────────────────────────────────

    def forget(self, uri: str, *, tenant: str) -> None:
        """Keeps a uri out from now on."""
        with self._write() as db:
            db.execute("INSERT OR IGNORE INTO forgotten VALUES (?,?)", (tenant, uri))

    def allow(self, uri: str, *, tenant: str) -> None:
        """Lets a forgotten uri in again."""
        with self._write() as db:
            db.execute("DELETE FROM forgotten WHERE tenant=? AND uri=?", (tenant, uri))

    def forgotten(self, *, tenant: str) -> list[str]:
        """The uris that are kept out."""
        rows = self._rows("SELECT uri FROM forgotten WHERE tenant=? ORDER BY uri", (tenant,))
        return [row[0] for row in rows]

    def edition(self, pipeline: str, *, tenant: str) -> int:
        """The number of the edition that questions are answered from, 0 before the first rebuild."""
        rows = self._rows("SELECT number FROM editions WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        return rows[0][0] if rows else 0

    def indexes(self) -> list[tuple[str, str]]:
        """Each pipeline that has ingested anything, with the tenant that it did so for."""
        rows = self._rows("SELECT DISTINCT pipeline, tenant FROM documents ORDER BY pipeline, tenant", ())
        return list(dict.fromkeys((row[0].partition("#")[0], row[1]) for row in rows))

    def publish(self, pipeline: str, number: int, *, tenant: str) -> None:
        """Makes an edition the one that counts, at once for every process."""
        with self._write() as db:
            db.execute("INSERT OR REPLACE INTO editions VALUES (?,?,?)", (pipeline, tenant, number))

    def discard(self, pipeline: str, *, tenant: str, heir: str = "") -> None:
        """Removes everything of one pipeline, or of one edition of it that another one, its `heir`, has followed."""
        with self._write() as db:
            note_unlike(db, pipeline, heir, tenant)
            db.execute(
                "DELETE FROM chunks WHERE pipeline=? AND document_id IN"
                " (SELECT id FROM documents WHERE pipeline=? AND tenant=?)",
                (pipeline, pipeline, tenant),
            )
            gone = db.execute("SELECT id FROM documents WHERE pipeline=? AND tenant=?", (pipeline, tenant)).fetchall()
            forget_flags(db, pipeline, (row[0] for row in gone))
            for table in ("documents", "orphans", "failures"):
                db.execute(f"DELETE FROM {table} WHERE pipeline=? AND tenant=?", (pipeline, tenant))

    def stale(self, *, tenant: str, most: int) -> list[str]:
        """Documents that have changed or gone, and that the caches have still to forget: at most so many of them."""
        rows = self._rows("SELECT id FROM stale WHERE tenant=? LIMIT ?", (tenant, most))
        return [row[0] for row in rows]

    def forget_stale(self, ids: Iterable[str], *, tenant: str) -> None:
        """Notes that every cache has forgotten these documents."""
        with self._write() as db:
            db.execute(f"DELETE FROM stale WHERE tenant=? AND id {IN}", (tenant, batches.ids(ids)))

    # ── What a question needs ────────────────────────────────────────────────────────────────────────────────────────

    def chunks(self, pipeline: str, ids: Sequence[str], *, tenant: str) -> dict[str, Chunk]:
        """Chunks by id; one that is unknown, or belongs to another tenant, is left out.

        Those that were read last are read anew only where something was written since.
        """
        with self._lock:
            self._revise()
            kept = self._chunks.get((tenant, pipeline, id_) for id_ in ids)
            missing = [id_ for id_ in ids if (tenant, pipeline, id_) not in kept]
            read = self._read_chunks(pipeline, missing, tenant) if missing else {}
            self._chunks.put({(tenant, pipeline, id_): chunk for id_, chunk in read.items()})
        return {chunk.id: chunk for chunk in kept.values()} | read

    def facts(self, pipeline: str, *, tenant: str) -> Facts:
        """What every question asks of an index, read anew only where something was written since."""
        with self._lock:
            self._revise()
            facts = self._facts.get((pipeline, tenant)) or self._read_facts(pipeline, tenant)
            if not facts.empty:  # names that nobody knows are not remembered
                self._facts[pipeline, tenant] = facts
            return facts

    def _revise(self) -> None:
        """Forgets what was read before somebody wrote."""
        (seen,) = self._rows("PRAGMA data_version", ())  # another number when another connection has written
        revision = self._written, seen[0]
        if revision != self._revised:
            self._facts.clear()
            self._chunks.clear()
            self._revised = revision

    def _read_chunks(self, pipeline: str, ids: Sequence[str], tenant: str) -> dict[str, Chunk]:
        rows = self._rows(
            f"SELECT {to.CHUNK} FROM chunks c"
            " JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            f" WHERE d.tenant=? AND c.pipeline=? AND c.id {IN}",
            (tenant, pipeline, batches.ids(ids)),
        )
        return {chunk.id: chunk for chunk in to.chunks(rows)}

    def _read_facts(self, pipeline: str, tenant: str) -> Facts:
        of = "FROM documents WHERE pipeline=? AND tenant=?"
        languages = f"SELECT language, COUNT(*) {of} GROUP BY language ORDER BY COUNT(*) DESC, 1"
        protected = f"""SELECT 1 {of} AND acl <> '["public"]' LIMIT 1"""
        fingerprints = f"SELECT DISTINCT fingerprint {of}"
        found = [self._rows(statement, (pipeline, tenant)) for statement in (languages, protected, fingerprints)]
        return Facts(dict(found[0]), bool(found[1]), tuple(row[0] for row in found[2]))

    def document(self, pipeline: str, document_id: str, *, tenant: str) -> Document | None:
        """One document with its text; None when it is unknown, or another tenant's."""
        rows = self._rows(
            f"SELECT {to.DOCUMENT} FROM documents WHERE pipeline=? AND id=? AND tenant=?",
            (pipeline, document_id, tenant),
        )
        return to.document(rows[0]) if rows else None

    def named(self, pipeline: str, uri: str, *, tenant: str) -> list[Document]:
        """The documents of a uri, and those that lie inside it."""
        rows = self._rows(
            f"SELECT {to.DOCUMENT} FROM documents WHERE pipeline=? AND tenant=? AND (uri=? OR parent=?) ORDER BY uri",
            (pipeline, tenant, uri, uri),
        )
        return [to.document(row) for row in rows]

    def chunks_of(self, pipeline: str, document_id: str, *, tenant: str) -> list[Chunk]:
        """The chunks of one document, in order."""
        rows = self._rows(
            f"SELECT {to.CHUNK} FROM chunks c"
            " JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            " WHERE d.tenant=? AND c.pipeline=? AND c.document_id=? ORDER BY c.start, c.end",
            (tenant, pipeline, document_id),
        )
        return to.chunks(rows)

    def chunk_ids(self, pipeline: str, *, tenant: str, embedder: str = "") -> dict[str, str]:
        """The ids of the chunks that an index must hold, each with its document's id.

        With `embedder` they are those of documents whose fingerprint begins with it.
        """
        rows = self._rows(
            "SELECT c.id, c.document_id FROM chunks c"
            " JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            " WHERE d.pipeline=? AND d.tenant=? AND d.state IN ('live', 'relabelled')"
            " AND substr(d.fingerprint, 1, ?) = ?",
            (pipeline, tenant, len(embedder), embedder),
        )
        return dict(rows)

    def chunk_ids_of(self, pipeline: str, documents: Iterable[str], *, tenant: str) -> set[str]:
        """The ids of the chunks of some documents."""
        return {chunk.id for found in documents for chunk in self.chunks_of(pipeline, found, tenant=tenant)}

    def uris(self, pipeline: str, ids: Iterable[str]) -> dict[str, str]:
        """The uris of documents by id."""
        wanted = (pipeline, batches.ids(ids))
        return dict(self._rows(f"SELECT id, uri FROM documents WHERE pipeline=? AND id {IN}", wanted))

    def ingestions(self, pipeline: str, ids: Iterable[str]) -> list[str]:
        """The traces of the ingestions that have written these documents."""
        by = f"SELECT ingestion FROM documents INDEXED BY documents_by_ingestion WHERE pipeline=? AND id {IN}"
        return sorted({row[0] for row in self._rows(by, (pipeline, batches.ids(ids)))} - {""})

    def all_uris(self, pipeline: str, *, tenant: str) -> list[str]:
        """The uris of all documents."""
        rows = self._rows("SELECT uri FROM documents WHERE pipeline=? AND tenant=? ORDER BY uri", (pipeline, tenant))
        return [row[0] for row in rows]

    def page(
        self,
        pipeline: str,
        *,
        tenant: str,
        principals: Sequence[str] | None,
        after: str = "",
        named: str = "",
        limit: int = 100,
    ) -> DocumentsPage:
        """The documents after a uri that hold `named` in theirs, as far as these principals may see them."""
        statement, values = listing(principals, named)
        return page_of(self._rows(statement, (pipeline, tenant, after, *values, limit + 1)), limit)

    def states(self, pipeline: str, *, tenant: str) -> dict[str, int]:
        """How many documents are in each state."""
        rows = self._rows(
            "SELECT state, COUNT(*) FROM documents WHERE pipeline=? AND tenant=? GROUP BY state ORDER BY state",
            (pipeline, tenant),
        )
        return dict(rows)

    def counts(self, pipeline: str, *, tenant: str) -> dict[str, int]:
        """How many documents and chunks there are."""
        documents = self._rows("SELECT COUNT(*) FROM documents WHERE pipeline=? AND tenant=?", (pipeline, tenant))
        chunks = self._rows(
            "SELECT COUNT(*) FROM chunks c JOIN documents d ON d.pipeline = c.pipeline AND d.id = c.document_id"
            " WHERE d.pipeline=? AND d.tenant=?",
            (pipeline, tenant),
        )
        return {"documents": documents[0][0], "chunks": chunks[0][0]}

    # ── Underneath ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _rows(self, statement: str, values: Sequence[Any]) -> list[Any]:
        with self._lock, translated(str(self.path)):
            return self._db.execute(statement, values).fetchall()

    @contextmanager
    def _write(self) -> Generator[sqlite3.Connection]:
        with self._lock, translated(str(self.path)):
            self._db.execute("BEGIN IMMEDIATE")
            self._written += 1
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    def _remove(self, db: sqlite3.Connection, pipeline: str, tenant: str, documents: Sequence[str]) -> None:
        gone = batches.ids(documents)
        note_stale(db, pipeline, documents)
        forget_flags(db, pipeline, documents)
        self._orphan(db, pipeline, tenant, gone, batches.ids(()))
        db.execute(f"DELETE FROM documents WHERE pipeline=? AND id {IN}", (pipeline, gone))

    @staticmethod
    def _states(db: sqlite3.Connection, pipeline: str, documents: Sequence[Document]) -> dict[str, str]:
        """The state of each document now that it is written again: `new` until it was live."""
        ids = [document.id for document in documents]
        held = db.execute(f"SELECT id, state FROM documents WHERE pipeline=? AND id {IN}", (pipeline, batches.ids(ids)))
        known = dict(held.fetchall())
        return {found: "changed" if known.get(found, "new") != "new" else "new" for found in ids}

    @staticmethod
    def _orphan(db: sqlite3.Connection, pipeline: str, tenant: str, documents: str, kept: str) -> None:
        """Their chunks but the kept ones."""
        gone = f"FROM chunks WHERE pipeline=? AND document_id {IN} AND id NOT {IN}"
        values = (pipeline, documents, kept)
        db.execute(f"INSERT OR IGNORE INTO orphans SELECT pipeline, ?, id {gone}", (tenant, *values))
        db.execute(f"DELETE {gone}", values)

    @staticmethod
    def _forget_failures(db: sqlite3.Connection, pipeline: str, tenant: str, source: str, uris: Iterable[str]) -> None:
        gone = f"DELETE FROM failures WHERE pipeline=? AND tenant=? AND source=? AND uri {IN}"
        db.execute(gone, (pipeline, tenant, source, batches.ids(uris)))


def _manifest(row: Sequence[Any]) -> ManifestRow:
    return ManifestRow(*row[:7], acl=tuple(json.loads(row[7])), trust=to.trust(row[8]))
