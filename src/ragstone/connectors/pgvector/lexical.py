"""BM25 (k1 1.2, b .75) over a table of postings.

    terms         a number for each term, and how many entries hold it
    postings      term, entry, how often, the entry's length: answered from the index alone
    entries       id, number, terms, and what filters look at
    statistics    one row: how many entries, and their length in all

Postgres analyses nothing: the terms are ours. Counts change in the transaction that changes the postings, and a search
reads both at one moment, so every score is what it would be had a removed chunk never been there. One transaction at a
time writes to a collection, any number of processes read meanwhile.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from psycopg import sql

from ragstone.connectors.pgvector.database import Connection, Database
from ragstone.connectors.pgvector.faults import MISSING
from ragstone.connectors.pgvector.names import Tables
from ragstone.connectors.pgvector.where import Values, condition, kept, metadata, original
from ragstone.protocols import FILTERS, Capabilities, LexicalIndex
from ragstone.types import Context, Entry, Filter, Scored

__all__ = ["PgLexicalIndex"]

INDEXED = 5_000  # entries from which on a filter gets indexes
CLEANED = 5_000  # written entries after which `flush` cleans up at once, and leaves it to the server otherwise
MOST = 2**31 - 1

_LONGEST = 200  # characters of a term that are kept; of a longer one a digest
_PARTS = ("entries", "postings", "terms", "statistics")

_TABLES = sql.SQL("""
CREATE TABLE IF NOT EXISTS {entries} (
  id text COLLATE "C" PRIMARY KEY, number integer NOT NULL UNIQUE, length integer NOT NULL, acl text[] NOT NULL,
  metadata jsonb NOT NULL, terms integer[] NOT NULL
);
CREATE TABLE IF NOT EXISTS {postings} (
  term integer NOT NULL, entry integer NOT NULL, times integer NOT NULL, length integer NOT NULL,
  PRIMARY KEY (term, entry) INCLUDE (times, length)
);
CREATE TABLE IF NOT EXISTS {terms} (
  term text COLLATE "C" PRIMARY KEY, number integer NOT NULL UNIQUE, entries integer NOT NULL
) WITH (fillfactor = 70);
CREATE TABLE IF NOT EXISTS {statistics} (
  entries bigint NOT NULL, length bigint NOT NULL, numbers integer NOT NULL, terms integer NOT NULL
);
INSERT INTO {statistics} SELECT 0, 0, 0, 0 WHERE NOT EXISTS (SELECT FROM {statistics})""")

_INDEXES = sql.SQL("""
CREATE INDEX IF NOT EXISTS {acl} ON {entries} USING gin (acl) WITH (fastupdate = off);
CREATE INDEX IF NOT EXISTS {metadata} ON {entries} USING gin (metadata jsonb_path_ops) WITH (fastupdate = off)""")

_MATCHING = sql.SQL("""
WITH counts AS MATERIALIZED (SELECT entries::float8, length::float8 FROM {statistics} LIMIT 1),
asked AS MATERIALIZED (
  SELECT t.number AS term, 0.9::float8 * s.entries / s.length AS slope,
    2.2::float8 * w.times * ln(1 + (s.entries - t.entries + 0.5::float8) / (t.entries + 0.5::float8)) AS weight
  FROM unnest({words}::text[], {times}::integer[]) AS w (term, times) JOIN {terms} t USING (term), counts s
  WHERE t.entries > 0
), scored AS (
  SELECT p.entry, sum(a.weight * p.times / (p.times + 0.3::float8 + a.slope * p.length))::float4 AS score
  FROM asked a, LATERAL (
    SELECT entry, times::float8, length::float8 FROM {postings} WHERE term = a.term OFFSET 0
  ) p GROUP BY p.entry
), passing AS (
  SELECT e.id, s.score FROM (SELECT * FROM scored ORDER BY score DESC) s JOIN {entries} e ON e.number = s.entry
  WHERE {where} ORDER BY s.score DESC FETCH FIRST {k} ROWS WITH TIES
)
SELECT id, score::float8 FROM passing ORDER BY score DESC, id LIMIT {k}""")
# LATERAL and OFFSET 0 hold each term to its part of the index: how common it is Postgres cannot foresee.

_POSTING = np.dtype(
    [("fields", ">i2")] + [(name, ">i4") for field in "tenl" for name in (f"size {field}", f"value {field}")]
)
_COPY_BEGIN = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_END = b"\xff\xff"


class PgLexicalIndex(LexicalIndex):
    """Four tables for each collection, in the Postgres database at `url`, in a schema of ours."""

    capabilities = Capabilities(filters=FILTERS)

    def __init__(self, *, url: str = "", schema: str = "ragstone", collection: str = "ragstone") -> None:
        self.database = Database(url)
        self._tables = Tables(schema, collection)
        self._names = {part: self._tables.table(part) for part in _PARTS}
        self._wrote = 0

    async def load(self) -> None:
        """Connects, so that a server that is not there is named before anything else is done."""
        await self.database.read(self._count)

    async def flush(self) -> None:
        """Makes the indexes for filters once the collection has grown, and cleans up after many writes."""
        if self._wrote:
            wrote = self._wrote
            await self.database.write(self._settle)
            self._wrote -= wrote
            if wrote >= CLEANED:
                await self.database.read(self._clean)

    async def close(self) -> None:
        """Flushes, and closes every connection. The next call connects again."""
        try:
            await self.flush()
        finally:
            await self.database.close()

    async def upsert(self, entries: Sequence[Entry], *, context: Context) -> None:
        """Writes or replaces, by chunk id, all or none. On return the entries are on disk and can be found."""
        latest = {kept(entry.chunk.id): entry for entry in entries}
        if latest:
            await self.database.write(partial(self._replace, list(latest), latest))
            self._wrote += len(latest)

    async def delete(self, ids: Sequence[str], *, context: Context) -> None:
        """Removes, all or none; an unknown id is no error."""
        if ids:
            await self.database.write(partial(self._replace, [kept(one) for one in ids], {}))

    async def search(
        self, terms: Sequence[str], *, k: int, where: Filter | None = None, context: Context
    ) -> Sequence[Scored]:
        """At most k chunks that hold any of the terms, by BM25, best first; equal scores by id.

        A term that is given twice counts twice, as in the sum over the question's words that BM25 is.
        """
        return await self.database.read(partial(self._search, terms, k, where))

    async def count(self, *, context: Context) -> int:
        """How many entries it keeps."""
        return await self.database.read(self._count)

    async def ids(self, *, context: Context) -> Sequence[str]:
        """The ids of all entries."""
        return await self.database.read(self._ids)

    async def drop(self, *, context: Context) -> None:
        """Removes the tables."""
        await self.database.write(self._drop)
        self._wrote = 0

    def matching(self, terms: Sequence[str], k: int, where: Filter | None, values: Values) -> sql.Composed:
        """The statement that finds them: id and score, best first. Its values are bound."""
        times = Counter(_word(term) for term in terms)
        return _MATCHING.format(
            words=values.bind(list(times)),
            times=values.bind(list(times.values())),
            where=condition(where, values),
            k=values.bind(min(max(k, 0), MOST)),
            **self._names,
        )

    # ── Reading, in threads ─────────────────────────────────────────────────────────────────────────────────────────

    def _search(self, terms: Sequence[str], k: int, where: Filter | None, connection: Connection) -> list[Scored]:
        values = Values()
        statement = self.matching(terms, k, where, values)
        if k < 1 or not terms:
            return []
        try:
            found = connection.execute(statement, values.bound).fetchall()
        except MISSING:
            return []
        return [Scored(original(name), score) for name, score in found]

    def _count(self, connection: Connection) -> int:
        try:
            row = connection.execute(sql.SQL("SELECT entries FROM {statistics}").format(**self._names)).fetchone()
        except MISSING:
            return 0
        return int(row[0]) if row else 0

    def _ids(self, connection: Connection) -> list[str]:
        try:
            found = connection.execute(sql.SQL("SELECT id FROM {entries}").format(**self._names)).fetchall()
        except MISSING:
            return []
        return [original(name) for (name,) in found]

    # ── Writing, in threads ─────────────────────────────────────────────────────────────────────────────────────────

    def _replace(self, ids: Sequence[str], entries: Mapping[str, Entry], connection: Connection) -> None:
        self._tables.lock(connection, "entries")
        if not self._tables.known(connection, "statistics"):
            if not entries:
                return
            self._tables.prepare(connection)
            connection.execute(_TABLES.format(**self._names))
        removed = self._remove(connection, ids)
        counted = {name: Counter(_word(term) for term in entry.terms) for name, entry in entries.items()}
        changes = Counter(term for terms in counted.values() for term in terms)
        terms = self._numbered(connection, changes)
        numbers = {name: number for name, number, _, _ in removed}
        new = [name for name in entries if name not in numbers]
        first = self._statistics(connection, "numbers", len(new))
        numbers.update((name, first + at) for at, name in enumerate(new))
        self._insert(connection, entries, counted, numbers, terms)
        deltas = Counter({terms[term]: times for term, times in changes.items()})
        deltas.subtract(number for _, _, _, held in removed for number in held)
        self._note(connection, deltas)
        added = sum(counts.total() for counts in counted.values())
        self._execute(
            connection,
            "UPDATE {statistics} SET entries = entries + %s, length = length + %s",
            len(entries) - len(removed),
            added - sum(length for _, _, length, _ in removed),
        )

    def _remove(self, connection: Connection, ids: Sequence[str]) -> list[tuple[str, int, int, list[int]]]:
        """Takes entries and their postings away; returns of each the id, number, length and terms."""
        statement = "DELETE FROM {entries} WHERE id = ANY (%s::text[]) RETURNING id, number, length, terms"
        removed = self._execute(connection, statement, ids)
        pairs = [(term, number) for _, number, _, terms in removed for term in terms]
        if pairs:
            terms, numbers = zip(*sorted(pairs), strict=True)
            connection.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off")
            self._execute(
                connection,
                "DELETE FROM {postings} p USING unnest(%s::integer[], %s::integer[]) AS gone (term, entry)"
                " WHERE p.term = gone.term AND p.entry = gone.entry",
                list(terms),
                list(numbers),
            )
            connection.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_hashjoin = on")
        return removed

    def _numbered(self, connection: Connection, words: Iterable[str]) -> dict[str, int]:
        """The number of each term; a new one gets the next."""
        wanted = list(words)
        known = dict(self._execute(connection, "SELECT term, number FROM {terms} WHERE term = ANY (%s)", wanted))
        new = sorted(word for word in wanted if word not in known)
        first = self._statistics(connection, "terms", len(new))
        numbers = range(first, first + len(new))
        self._execute(
            connection,
            "INSERT INTO {terms} (term, number, entries)"
            " SELECT term, number, 0 FROM unnest(%s::text[], %s::integer[]) AS new (term, number)",
            new,
            list(numbers),
        )
        return known | dict(zip(new, numbers, strict=True))

    def _statistics(self, connection: Connection, what: str, more: int) -> int:
        """Takes the next so many numbers; returns the first of them."""
        statement = sql.SQL("UPDATE {statistics} SET {what} = {what} + %s RETURNING {what}")
        row = connection.execute(statement.format(what=sql.Identifier(what), **self._names), [more]).fetchone()
        assert row is not None, "it is made with the table"
        return int(row[0]) - more

    def _insert(
        self,
        connection: Connection,
        entries: Mapping[str, Entry],
        counted: Mapping[str, Counter[str]],
        numbers: Mapping[str, int],
        terms: Mapping[str, int],
    ) -> None:
        rows = [
            (
                name,
                numbers[name],
                counted[name].total(),
                [kept(reader) for reader in entry.chunk.acl],
                metadata(entry.chunk),
                [terms[term] for term in counted[name]],
            )
            for name, entry in entries.items()
        ]
        postings = [
            (terms[term], numbers[name], times, counts.total())
            for name, counts in counted.items()
            for term, times in counts.items()
        ]
        inserting = (
            "INSERT INTO {entries} (id, number, length, acl, metadata, terms)"
            " VALUES (%s, %s, %s, %s::text[], %s::jsonb, %s::integer[])"
        )
        copying = "COPY {postings} (term, entry, times, length) FROM STDIN (FORMAT BINARY)"
        with connection.cursor() as cursor:
            cursor.executemany(sql.SQL(inserting).format(**self._names), rows)
            with cursor.copy(sql.SQL(copying).format(**self._names)) as copy:
                copy.write(_copied(sorted(postings)))

    def _note(self, connection: Connection, deltas: Mapping[int, int]) -> None:
        changed = sorted((number, delta) for number, delta in deltas.items() if delta)
        self._execute(
            connection,
            "UPDATE {terms} t SET entries = t.entries + delta"
            " FROM unnest(%s::integer[], %s::integer[]) AS changed (number, delta) WHERE t.number = changed.number",
            [number for number, _ in changed],
            [delta for _, delta in changed],
        )

    def _execute(self, connection: Connection, statement: Any, *given: Any) -> list[Any]:
        cursor = connection.execute(sql.SQL(statement).format(**self._names), given)
        return cursor.fetchall() if cursor.description else []

    def _drop(self, connection: Connection) -> None:
        self._tables.lock(connection, "entries")
        if self._tables.known(connection, "entries"):
            connection.execute(
                sql.SQL("DROP TABLE IF EXISTS {entries}, {postings}, {terms}, {statistics}").format(**self._names)
            )

    def _settle(self, connection: Connection) -> None:
        if self._count(connection) >= INDEXED and not self._tables.known(connection, "entries.acl"):
            self._tables.lock(connection, "entries")
            indexes = {part: self._tables.index(f"entries.{part}") for part in ("acl", "metadata")}
            connection.execute(_INDEXES.format(**indexes, **self._names))

    def _clean(self, connection: Connection) -> None:
        """Lets the server know which pages hold nothing but what all may see: those are answered from the index."""
        if self._tables.known(connection, "entries"):
            connection.execute(sql.SQL("VACUUM (ANALYZE) {entries}, {postings}, {terms}").format(**self._names))


def _word(term: str) -> str:
    """A term as the table keeps it."""
    word = kept(term)
    if len(word) <= _LONGEST:
        return word
    return "\x02" + hashlib.blake2b(word.encode(), digest_size=20).hexdigest()


def _copied(postings: Sequence[tuple[int, int, int, int]]) -> bytes:
    """Postings as COPY takes them in binary: for each the number of its fields, and the size and value of each."""
    rows = np.zeros(len(postings), _POSTING)
    rows["fields"] = 4
    values = np.array(postings, np.int64).reshape(-1, 4)
    for at, field in enumerate("tenl"):
        rows[f"size {field}"], rows[f"value {field}"] = 4, values[:, at]
    return _COPY_BEGIN + rows.tobytes() + _COPY_END
