"""Connections for many threads: taken when they are needed, kept for the next, retried once they broke.

Everything runs in threads, since a store is used from several event loops. A call whose awaiter is cancelled is
cancelled on the server, too, and its transaction leaves nothing behind.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import Any, TypeAlias, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.rows import TupleRow

from ragstone.connectors.pgvector.faults import MISSING, passes, translated
from ragstone.errors import ConfigError, NotConfigured, RagstoneError

__all__ = ["Connection", "Database"]

Connection: TypeAlias = psycopg.Connection[TupleRow]
T = TypeVar("T")

PAUSES = (0.05, 0.2, 0.6)  # seconds before a call is tried again
CONNECTING = 5  # seconds that a server may take to answer
IDLE = 8  # connections that are kept

_SETTINGS = {
    "hnsw.ef_search": "400",  # fusion reads the hundred nearest, not only the ten that are shown
    "hnsw.iterative_scan": "strict_order",  # a filter takes hits away: go on until there are k
    "hnsw.max_scan_tuples": "2000000000",
    "hnsw.scan_mem_multiplier": "8",
    "jit": "off",  # which takes longer than our questions
    "work_mem": "64MB",  # for the sums of BM25
}


class _Call:
    """One call in a thread, that another thread may cancel."""

    def __init__(self) -> None:
        self.cancelled = False
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def on(self, connection: Connection | None) -> None:
        """Notes on which connection it runs."""
        with self._lock:
            self._connection = connection

    def cancel(self) -> None:
        """Asks the server to stop it."""
        with self._lock:
            self.cancelled = True
            if self._connection is not None:
                with suppress(psycopg.Error):
                    self._connection.cancel_safe(timeout=CONNECTING)


class Database:
    """One database, by its URL. `label` names it in errors, without user and password."""

    def __init__(self, url: str) -> None:
        expected = "postgresql://user:password@host:5432/database"
        if not url:
            raise NotConfigured("no url is set", expected=expected)
        try:
            parts: dict[str, Any] = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise ConfigError("the url is none of Postgres", expected=expected) from None
        if "@" in str(parts.get("dbname")) or not str(parts.get("port") or 0).isdigit():
            # A `/` ends what is before it: the rest of the password would be taken for the database's name, and shown.
            hint = "In a password, / is written as %2F, @ as %40, and : as %3A."
            raise ConfigError("the url is none of Postgres", expected=expected, hint=hint)
        ours = {"connect_timeout": CONNECTING, "application_name": "ragstone"}
        self._how = conninfo.make_conninfo("", **{**ours, **parts, "client_encoding": "utf8"})
        host, port = (str(parts.get(key) or default) for key, default in (("host", "localhost"), ("port", "5432")))
        self.place = (host, port, str(parts.get("dbname") or parts.get("user") or ""), str(parts.get("user") or ""))
        self.label = f"postgresql://{host}:{port}/{self.place[2]}"
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    async def read(self, act: Callable[[Connection], T]) -> T:
        """What `act` makes of a connection; each statement stands alone."""
        return await self._in_thread(act, writing=False)

    async def write(self, act: Callable[[Connection], T]) -> T:
        """The same in one transaction: all of it or nothing. Tried again, `act` must do the same again."""
        return await self._in_thread(act, writing=True)

    async def close(self) -> None:
        """Closes what is not in use. The next call connects again."""
        await asyncio.to_thread(self._forget)

    async def _in_thread(self, act: Callable[[Connection], T], *, writing: bool) -> T:
        call = _Call()
        try:
            return await asyncio.to_thread(self._tried, act, call, writing)
        except asyncio.CancelledError:
            threading.Thread(target=call.cancel).start()  # the pool's threads may all be waiting for the server
            raise

    # ── In threads ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _tried(self, act: Callable[[Connection], T], call: _Call, writing: bool) -> T:
        for pause in (*PAUSES, None):
            try:
                with self._connected(call) as connection:
                    if not writing:
                        return act(connection)
                    with connection.transaction():
                        return act(connection)
            except psycopg.Error as error:
                self._forget()  # whatever broke one has probably broken all
                again = passes(error) or (writing and isinstance(error, MISSING))  # dropped meanwhile: made anew
                if call.cancelled or pause is None or not again:
                    raise translated(error, self.label) from error
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    @contextmanager
    def _connected(self, call: _Call) -> Generator[Connection]:
        connection = self._taken()
        call.on(connection)
        try:
            if call.cancelled:
                raise psycopg.errors.QueryCanceled("cancelled before it began")
            yield connection
        except RagstoneError:
            call.on(None)
            self._give(connection)
            raise
        except BaseException:
            call.on(None)
            connection.close()
            raise
        call.on(None)
        if call.cancelled:  # the server may still be about to act on it
            connection.close()
        else:
            self._give(connection)

    def _taken(self) -> Connection:
        with self._lock:
            if self._idle:
                return self._idle.pop()
        connection = psycopg.connect(self._how, autocommit=True, prepare_threshold=None)
        try:
            wanted = ", ".join("set_config(%s, %s, false)" for _ in _SETTINGS)
            connection.execute(f"SELECT {wanted}", [part for pair in _SETTINGS.items() for part in pair])  # pyright: ignore[reportArgumentType, reportCallIssue]
        except BaseException:
            connection.close()
            raise
        return connection

    def _give(self, connection: Connection) -> None:
        with self._lock:
            if len(self._idle) < IDLE and not connection.closed:
                self._idle.append(connection)
                return
        connection.close()

    def _forget(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
