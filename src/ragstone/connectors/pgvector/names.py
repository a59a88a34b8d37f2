"""A collection's tables: what they are called, how they are made, and who writes them.

Each collection has tables of its own, so dropping one is instant, no search wades through another tenant's vectors, and
a vector's length is part of its table.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, LiteralString

from psycopg import sql

from ragstone.connectors.pgvector.database import Connection
from ragstone.errors import ConfigError, StateError

__all__ = ["Tables"]

LONGEST = 40  # characters of a collection's name in that of a table, of which Postgres keeps 63
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAKING = "ragstone: making tables"
_LEAST = (0, 8)  # the version of pgvector from which on a filtered search goes on until it has k


class Tables:
    """The names of one collection's tables and indexes, in one schema."""

    def __init__(self, schema: str, collection: str) -> None:
        if not _NAME.fullmatch(collection):
            raise ConfigError(
                "the collection's name does not suit a table",
                expected="letters, digits, '.', '_' and '-'",
                found=repr(collection),
            )
        if not schema or "\0" in schema or len(schema.encode()) > 63:
            raise ConfigError("the schema's name", expected="1 to 63 bytes", found=repr(schema))
        self.schema = schema
        self._short = collection
        if len(collection) > LONGEST:  # no collection's name holds a '~'
            digest = hashlib.blake2b(collection.encode(), digest_size=10).hexdigest()
            self._short = f"{collection[: LONGEST - 21]}~{digest}"

    def table(self, part: str) -> sql.Identifier:
        """A table, or an index where a statement asks for its schema, too."""
        return sql.Identifier(self.schema, f"{self._short}.{part}")

    def index(self, part: str) -> sql.Identifier:
        """An index where it is made: it lies in the schema of its table."""
        return sql.Identifier(f"{self._short}.{part}")

    def known(self, connection: Connection, part: str) -> bool:
        """Whether there is such a table or index."""
        return bool(_one(connection, "SELECT to_regclass(%s) IS NOT NULL", self.table(part).as_string(connection)))

    def lock(self, connection: Connection, part: str = "") -> None:
        """Waits until no other transaction holds this lock, and holds it until its own ends."""
        words = f"{self.schema}.{self._short}.{part}" if part else _MAKING
        key = int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "big", signed=True)
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [key])

    def prepare(self, connection: Connection) -> None:
        """Makes the schema and the extension where they lack. Many may do so at once; one at a time does."""
        self.lock(connection)
        if not _one(connection, "SELECT to_regnamespace(quote_ident(%s)) IS NOT NULL", self.schema):
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(self.schema)))

    def require_extension(self, connection: Connection) -> None:
        """Makes pgvector available. Raises StateError where it is too old."""
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        version = str(_one(connection, "SELECT extversion FROM pg_extension WHERE extname = %s", "vector"))
        if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _LEAST:
            raise StateError(
                "the server's pgvector is too old",
                expected="0.8 or later",
                found=version,
                hint="Install it there, then run: ALTER EXTENSION vector UPDATE",
            )


def _one(connection: Connection, statement: LiteralString, value: str) -> Any:
    row = connection.execute(statement, [value]).fetchone()
    return row and row[0]
