"""Tables of ours in Postgres, for several machines that answer as one.

kind: database
type: postgres
url: ${env:RAGSTONE_DATABASE_URL:}

A project with such a connector keeps its conversations there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ragstone.connectors.pgvector.database import Connection
from ragstone.connectors.pgvector.database import Database as Connections
from ragstone.protocols import Database
from ragstone.tables import Execute, T
from ragstone.types import Context

__all__ = ["PgDatabase"]

MAKING = 7_253_001_142  # of the advisory lock: two processes that make a table at once get an error from one of them


class PgDatabase(Database):
    """A Postgres database, by its URL. It needs no extension."""

    def __init__(self, url: str = "") -> None:
        self._connections = Connections(url)
        self._made: set[str] = set()

    async def run(self, act: Callable[[Execute], T], *, tables: str, writing: bool = False, context: Context) -> T:
        """The same in a thread, and again where the connection broke. Raises StateError or StoreUnavailable."""
        if tables not in self._made:
            await self._connections.write(lambda connection: _make(connection, tables))
            self._made.add(tables)
        return await self._connections.write(lambda connection: act(_execute(connection)))

    async def close(self) -> None:
        """Closes the connections; the next call opens them again."""
        await self._connections.close()


def _make(connection: Connection, tables: str) -> None:
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (MAKING,))
    connection.execute(tables)  # pyright: ignore[reportArgumentType, reportCallIssue] - a constant of ours


def _execute(connection: Connection) -> Execute:
    def execute(statement: str, values: Sequence[Any] = (), /) -> Sequence[tuple[Any, ...]]:
        asked = statement.replace("?", "%s")
        found = connection.execute(asked, tuple(values))  # pyright: ignore[reportArgumentType, reportCallIssue] - ours
        return found.fetchall() if found.description else ()

    return execute
