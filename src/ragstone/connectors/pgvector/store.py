"""The vector store that the rest of Ragstone sees, over one table with an HNSW index.

A small collection has no index beyond its key: all of it is compared, which is exact and fast. `flush` makes the
indexes once it has grown, in one go and with several workers, which takes a fraction of what growing them by rows does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
import psycopg
from psycopg import sql
from psycopg.adapt import Dumper
from psycopg.pq import Format

from ragstone.connectors.pgvector.database import Connection, Database
from ragstone.connectors.pgvector.faults import MISSING
from ragstone.connectors.pgvector.lexical import PgLexicalIndex
from ragstone.connectors.pgvector.names import Tables
from ragstone.connectors.pgvector.where import Values, condition, kept, metadata, original
from ragstone.errors import IndexMismatch
from ragstone.protocols import FILTERS, Capabilities, LexicalIndex, VectorStore
from ragstone.types import Context, Filter, Record, Scored

if TYPE_CHECKING:
    from ragstone.types import Vector

__all__ = ["PgVectorStore"]

INDEXED = 5_000  # records from which on an index is quicker than comparing all
LONGEST = 2_000  # numbers in a vector that pgvector's HNSW takes; longer ones are all compared
MOST = 2**31 - 1
WORKERS = (4, 0)  # processes that help to build an index; none where the server's shared memory is too small for them

_VECTORS, _HNSW = "vectors", "vectors.hnsw"

_TABLE = sql.SQL("""
CREATE TABLE IF NOT EXISTS {table} (
  id text COLLATE "C" PRIMARY KEY, acl text[] NOT NULL, metadata jsonb NOT NULL, vector vector({length}) NOT NULL
);
ALTER TABLE {table} ALTER vector SET STATISTICS 0""")

_INDEXES = sql.SQL("""
CREATE INDEX IF NOT EXISTS {acl} ON {table} USING gin (acl) WITH (fastupdate = off);
CREATE INDEX IF NOT EXISTS {metadata} ON {table} USING gin (metadata jsonb_path_ops) WITH (fastupdate = off)""")

_GRAPH = sql.SQL("""
CREATE INDEX IF NOT EXISTS {hnsw} ON {table} USING hnsw (vector vector_cosine_ops)
WITH (m = 16, ef_construction = 64)""")

_UPSERT = sql.SQL("""
INSERT INTO {table} (id, acl, metadata, vector) VALUES (%s, %s::text[], %s::jsonb, %s)
ON CONFLICT (id) DO UPDATE SET acl = excluded.acl, metadata = excluded.metadata, vector = excluded.vector""")

_NEAREST = sql.SQL("""
SELECT id, (1 - (vector <=> {near}))::float8 AS score FROM {table} WHERE {where}
ORDER BY vector <=> {near} LIMIT {k}""")

_BOTH = sql.SQL("""
WITH near AS ({near}), matching AS ({matching})
SELECT true, id, score FROM near UNION ALL SELECT false, id, score FROM matching""")


class _Packed(bytes):
    """A vector as pgvector sends and takes it: its length, two bytes that mean nothing, and floats."""


class _PackedDumper(Dumper):
    format = Format.BINARY  # and no type of its own: the server knows from the place that it stands in

    def dump(self, obj: bytes) -> bytes:
        return obj


psycopg.adapters.register_dumper(_Packed, _PackedDumper)


class PgVectorStore(VectorStore):
    """A table for each collection, in the Postgres database at `url`, in a schema of ours.

    >>> store = PgVectorStore(url="postgresql://ana@localhost/documents")
    >>> await store.upsert([Record(chunk, vector)], context=context)
    >>> await store.search(vector, k=8, where=Condition("lang", "eq", "en"), context=context)
    [Scored(id='0b3c…', score=1.0)]

    An upsert is one transaction: all of it or nothing. Any number of processes may write at once. It keeps ids, vectors
    and what filters look at, never the text.
    """

    capabilities = Capabilities(filters=FILTERS)

    def __init__(self, *, url: str = "", schema: str = "ragstone", collection: str = "ragstone") -> None:
        self._database = Database(url)
        self._tables = Tables(schema, collection)
        self._table = self._tables.table(_VECTORS)
        self._wrote = 0

    async def load(self) -> None:
        """Connects, so that a server that is not there is named before anything else is done."""
        await self._database.read(self._length)

    async def flush(self) -> None:
        """Makes the indexes if this store has written and the collection has grown enough for them."""
        if self._wrote:
            wrote = self._wrote
            await self._database.write(self._settle)
            self._wrote -= wrote
            if wrote >= INDEXED // 10:
                await self._database.read(self._analyze)

    async def close(self) -> None:
        """Flushes, and closes every connection. The next call connects again."""
        try:
            await self.flush()
        finally:
            await self._database.close()

    async def upsert(self, records: Sequence[Record], *, context: Context) -> None:
        """Writes or replaces, by chunk id, all or none. On return the records are on disk."""
        if records:
            latest = {record.chunk.id: record for record in records}
            await self._database.write(partial(self._upsert, latest))
            self._wrote += len(latest)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes, all or none; an unknown id is no error."""
        if ids:
            await self._database.write(partial(self._delete, [kept(one) for one in ids]))

    async def search(
        self, vector: Vector, *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks, by cosine similarity in [-1, 1], best first; equal scores by id."""
        return await self._database.read(partial(self._search, vector, k, where))

    def joins(self, index: LexicalIndex) -> bool:
        """Whether that index lies in the same database, as the same user."""
        return isinstance(index, PgLexicalIndex) and index.database.place == self._database.place

    async def search_both(
        self,
        vector: Vector,
        terms: Sequence[str],
        *,
        index: LexicalIndex,
        k: int,
        where: Filter | None = None,
        context: Context,
    ) -> tuple[Sequence[Scored], Sequence[Scored]]:
        """Both lists, in one statement where `joins` says so: so they are of one moment, too."""
        if k < 1 or not terms or not self.joins(index):
            return await super().search_both(vector, terms, index=index, k=k, where=where, context=context)
        both = await self._database.read(
            partial(self._search_both, vector, terms, cast("PgLexicalIndex", index), k, where)
        )
        if both is None:  # one of the two was never written
            return await super().search_both(vector, terms, index=index, k=k, where=where, context=context)
        return both

    async def count(self, *, context: Context) -> int:
        """How many records it keeps."""
        return await self._database.read(self._count)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all records."""
        return await self._database.read(self._ids)

    async def vectors(self, ids: Sequence[str], *, context: Context) -> Mapping[str, Vector]:
        """The vectors of those that it keeps, as float32."""
        return await self._database.read(partial(self._vectors, [kept(one) for one in ids]))

    async def drop(self, *, context: Context) -> None:
        """Removes the table; its next upsert may bring vectors of another length."""
        await self._database.write(self._drop)
        self._wrote = 0

    # ── Reading, in threads ─────────────────────────────────────────────────────────────────────────────────────────

    def _search(self, vector: Vector, k: int, where: Filter | None, connection: Connection) -> list[Scored]:
        values = Values()
        statement = self._nearest(vector, k, where, values)
        if k < 1:
            return []
        try:
            found = connection.execute(statement, values.bound).fetchall()
        except MISSING:
            return []
        except psycopg.errors.DataException as error:
            self._demand_length(connection, vector, error)
            raise
        if not found:  # then nothing was compared
            self._demand_length(connection, vector)
        return _ranked(found)

    def _search_both(
        self,
        vector: Vector,
        terms: Sequence[str],
        index: PgLexicalIndex,
        k: int,
        where: Filter | None,
        connection: Connection,
    ) -> tuple[list[Scored], list[Scored]] | None:
        values = Values()
        near = self._nearest(vector, k, where, values)
        matching = index.matching(terms, k, where, values)
        try:
            found = connection.execute(_BOTH.format(near=near, matching=matching), values.bound).fetchall()
        except MISSING:
            return None
        except psycopg.errors.DataException as error:
            self._demand_length(connection, vector, error)
            raise
        dense, lexical = (_ranked([row[1:] for row in found if row[0] is kind]) for kind in (True, False))
        if not dense:
            self._demand_length(connection, vector)
        return dense, lexical

    def _nearest(self, vector: Vector, k: int, where: Filter | None, values: Values) -> sql.Composed:
        near = sql.SQL("{}::vector").format(values.bind(_packed(vector)))
        return _NEAREST.format(
            near=near, table=self._table, where=condition(where, values), k=values.bind(min(max(k, 0), MOST))
        )

    def _count(self, connection: Connection) -> int:
        try:
            row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(self._table)).fetchone()
        except MISSING:
            return 0
        return int(row[0]) if row else 0

    def _ids(self, connection: Connection) -> list[str]:
        try:
            found = connection.execute(sql.SQL("SELECT id FROM {}").format(self._table)).fetchall()
        except MISSING:
            return []
        return [original(name) for (name,) in found]

    def _vectors(self, ids: Sequence[str], connection: Connection) -> dict[str, Vector]:
        statement = sql.SQL("SELECT id, vector FROM {} WHERE id = ANY (%s::text[])").format(self._table)
        try:
            found = connection.execute(statement, [ids], binary=True).fetchall()
        except MISSING:
            return {}
        return {original(name): _unpacked(packed) for name, packed in found}

    def _length(self, connection: Connection) -> int | None:
        """How long the collection's vectors are; None where there is no table."""
        row = connection.execute(
            "SELECT atttypmod FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attname = 'vector'",
            [self._table.as_string(connection)],
        ).fetchone()
        return int(row[0]) if row else None

    def _demand_length(self, connection: Connection, vector: Vector, error: Exception | None = None) -> None:
        length = self._length(connection)
        if length is not None and len(vector) != length:
            raise IndexMismatch(
                "the vectors in the index were made by another embedder",
                where=self._database.label,
                expected=f"{length} dimensions",
                found=str(len(vector)),
                hint="Run: ragstone ingest",
            ) from error

    # ── Writing, in threads ─────────────────────────────────────────────────────────────────────────────────────────

    def _upsert(self, records: Mapping[str, Record], connection: Connection) -> None:
        first = next(iter(records.values()))
        if self._length(connection) is None:
            self._create(connection, len(first.vector))
        length = self._length(connection)
        for record in records.values():
            if len(record.vector) != length:
                self._demand_length(connection, record.vector)
        rows = [
            (kept(name), [kept(reader) for reader in record.chunk.acl], metadata(record.chunk), _packed(record.vector))
            for name, record in sorted(records.items())  # in one order, so that two writers never wait for each other
        ]
        with connection.cursor() as cursor:
            cursor.executemany(_UPSERT.format(table=self._table), rows)

    def _create(self, connection: Connection, length: int) -> None:
        self._tables.prepare(connection)
        self._tables.require_extension(connection)
        connection.execute(_TABLE.format(table=self._table, length=sql.Literal(length)))

    def _delete(self, ids: Sequence[str], connection: Connection) -> None:
        if self._tables.known(connection, _VECTORS):
            statement = sql.SQL(
                "DELETE FROM {table} WHERE id IN"
                " (SELECT id FROM {table} WHERE id = ANY (%s::text[]) ORDER BY id FOR UPDATE)"
            )
            connection.execute(statement.format(table=self._table), [ids])

    def _drop(self, connection: Connection) -> None:
        self._tables.lock(connection, _VECTORS)
        if self._tables.known(connection, _VECTORS):
            connection.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(self._table))

    def _settle(self, connection: Connection) -> None:
        length = self._length(connection)
        if length is None or self._tables.known(connection, _HNSW) or self._count(connection) < INDEXED:
            return
        self._tables.lock(connection, _VECTORS)
        connection.execute("SET LOCAL maintenance_work_mem = '1GB'")
        names = {part: self._tables.index(f"vectors.{part}") for part in ("acl", "metadata", "hnsw")}
        connection.execute(_INDEXES.format(table=self._table, **names))
        if length > LONGEST:
            return
        for workers in WORKERS:
            try:
                with connection.transaction():
                    connection.execute(
                        sql.SQL("SET LOCAL max_parallel_maintenance_workers = {}").format(sql.Literal(workers))
                    )
                    connection.execute(_GRAPH.format(table=self._table, **names))
                return
            except (psycopg.errors.DiskFull, psycopg.errors.OutOfMemory):
                if not workers:
                    raise

    def _analyze(self, connection: Connection) -> None:
        if self._tables.known(connection, _VECTORS):
            connection.execute(sql.SQL("ANALYZE {}").format(self._table))


def _packed(vector: Vector) -> _Packed:
    floats = np.ascontiguousarray(vector, dtype=">f4")
    return _Packed(len(floats).to_bytes(2, "big") + b"\0\0" + floats.tobytes())


def _unpacked(packed: bytes) -> Vector:
    return np.frombuffer(packed, dtype=">f4", offset=4).astype(np.float32)


def _ranked(found: Sequence[Sequence[object]]) -> list[Scored]:
    scored = [Scored(original(str(name)), float(cast("float", score))) for name, score in found]
    return sorted(scored, key=lambda one: (-one.score, one.id))
