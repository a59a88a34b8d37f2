"""What the Postgres store and index do when something ends in the middle."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql

from postgres import PASSWORD, Postgres
from postgres_entries import CONTEXT, entries, lost, parts, process, records, require_exact, write
from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.errors import ConfigError, NotConfigured, RagstoneError, StateError, StoreUnavailable
from ragstone.types import Condition
from servers import free_port

pytestmark = pytest.mark.servers

BATCH = 200

WRITE_FOR_EVER = """
async def main():
    at = 0
    while True:
        await write(store, index, range(at, at + BATCH))
        print(at + BATCH, flush=True)
        at += BATCH
BATCH = first
asyncio.run(main())
"""


@pytest.fixture
def server() -> Iterator[Postgres]:
    """A server of this test's own, which notes every statement."""
    made = Postgres("fsync=off", "log_statement=all")
    try:
        yield made
    finally:
        made.remove()


# ── What is sent ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_both_are_asked_in_one_statement(server: Postgres) -> None:
    store, index = parts(server.url(), "one")
    await write(store, index, range(50))
    await store.count(context=CONTEXT)  # connects
    before = len(server.log.read_text())
    where = Condition("acl", "in", ["public"])
    near, matching = await store.search_both(
        records([1])[0].vector, ["word", "own1"], index=index, k=5, where=where, context=CONTEXT
    )
    assert near[0].id == matching[0].id == "c1"
    sent = [line for line in server.log.read_text()[before:].splitlines() if "LOG:  " in line]
    statements = [line for line in sent if "execute " in line or "statement: " in line]
    assert len(statements) == 1, sent
    assert "BEGIN" not in server.log.read_text()[before:]
    await store.close()
    await index.close()


# ── The server ends ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_restart_of_the_server_is_not_noticed(server: Postgres) -> None:
    store, index = parts(server.url(), "restart")
    await write(store, index, range(20))
    server.stop()
    server.start()
    assert await lost(store, index, range(20)) == []
    server.stop()
    server.start()
    await write(store, index, range(20, 40))
    assert await store.count(context=CONTEXT) == await index.count(context=CONTEXT) == 40
    await store.close()
    await index.close()


async def test_a_call_waits_for_a_server_that_is_starting(server: Postgres) -> None:
    store, index = parts(server.url(), "starting")
    await write(store, index, range(5))
    server.stop()
    asked = asyncio.create_task(store.count(context=CONTEXT))
    await asyncio.to_thread(server.start)
    assert await asked == 5
    await store.close()
    await index.close()


async def test_a_killed_server_keeps_what_it_acknowledged(server: Postgres) -> None:
    url = server.url()
    writer = process(WRITE_FOR_EVER, url, "killed", BATCH)
    assert writer.stdout is not None
    acknowledged = 0
    while acknowledged < 5 * BATCH:
        acknowledged = int(await asyncio.to_thread(writer.stdout.readline))
    server.kill()
    said, complaint = await asyncio.to_thread(writer.communicate)
    assert "StoreUnavailable" in complaint
    acknowledged = max([acknowledged, *(int(line) for line in said.split())])
    server.start()
    store, index = parts(url, "killed")
    for keeper in (store, index):
        kept = await keeper.count(context=CONTEXT)
        assert kept >= acknowledged
        assert kept % BATCH == 0
    assert await lost(store, index, range(0, acknowledged, 50)) == []
    require_exact(url, "killed")
    await write(store, index, range(acknowledged, acknowledged + BATCH))
    await store.close()
    await index.close()


async def test_a_server_that_is_down_is_named_without_its_password() -> None:
    url = f"postgresql://ana:hidden@127.0.0.1:{free_port()}/shop"
    store, index = parts(url, "down")
    for asked in (
        store.load(),
        index.load(),
        store.search(records([1])[0].vector, k=1, context=CONTEXT),
        index.search(["word"], k=1, context=CONTEXT),
        store.upsert(records([1]), context=CONTEXT),
        index.upsert(entries([1]), context=CONTEXT),
    ):
        with pytest.raises(StoreUnavailable, match="does not answer") as raised:
            await asked
        assert raised.value.retryable
        assert "127.0.0.1" in str(raised.value)
        assert "hidden" not in str(raised.value)
    await store.close()


async def test_a_server_that_lets_nobody_in_is_not_asked_again(postgres: str) -> None:
    wrong = postgres.replace(postgres.split(":")[2].split("@")[0], "wrong")
    for url, words in ((wrong, "password authentication failed"), (postgres + "x", "does not exist")):
        store = PgVectorStore(url=url)
        with pytest.raises(StateError, match=words) as raised:
            await store.load()
        assert not raised.value.retryable
        assert PASSWORD not in str(raised.value)


async def test_a_user_who_may_make_nothing_is_told_so(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS guest")
        connection.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
    store = PgVectorStore(url=postgres.replace(postgres.split("//")[1].split("@")[0], "guest:guest"), schema="new")
    with pytest.raises(StateError, match="permission denied for database"):
        await store.upsert(records([1]), context=CONTEXT)
    await store.close()


# ── The client ends ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("after", [1, 3])
async def test_a_killed_writer_leaves_whole_batches_alone(server: Postgres, after: int) -> None:
    url = server.url()
    writer = process(WRITE_FOR_EVER, url, "writer", 2_000)
    assert writer.stdout is not None
    for _ in range(after):
        acknowledged = int(await asyncio.to_thread(writer.stdout.readline))
    await asyncio.to_thread(until, url, "backend_xid IS NOT NULL")  # it has written, and not ended
    writer.kill()
    await asyncio.to_thread(writer.communicate)
    store, index = parts(url, "writer")
    for keeper in (store, index):
        kept = await keeper.count(context=CONTEXT)
        assert kept >= acknowledged
        assert kept % 2_000 == 0
    require_exact(url, "writer")
    await write(store, index, range(4_000))
    require_exact(url, "writer")
    await store.close()
    await index.close()


def until(url: str, holds: LiteralString, *, there: bool = True) -> None:
    """Waits until the server shows such an activity, or shows none any more."""
    with psycopg.connect(url, autocommit=True) as connection:
        query = sql.SQL("SELECT 1 FROM pg_stat_activity WHERE {}").format(sql.SQL(holds))
        while bool(connection.execute(query).fetchone()) != there:
            pass


async def test_a_cancelled_call_ends_on_the_server_and_writes_nothing(postgres: str) -> None:
    store, index = parts(postgres, "cancelled")
    await write(store, index, range(10))
    waiting = "application_name = 'ragstone' AND wait_event_type = 'Lock'"
    with psycopg.connect(postgres) as holder:
        tables = '"cancelled.vectors", ragstone."cancelled.entries", ragstone."cancelled.postings"'
        holder.execute(f"LOCK TABLE ragstone.{tables} IN ACCESS EXCLUSIVE MODE".encode())
        for call in (
            store.upsert(records(range(10, 20)), context=CONTEXT),
            index.upsert(entries(range(10, 20)), context=CONTEXT),
            store.search(records([1])[0].vector, k=1, context=CONTEXT),
        ):
            task = asyncio.ensure_future(call)
            await asyncio.to_thread(until, postgres, waiting)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(until, postgres, waiting, there=False)
        holder.rollback()
    assert await store.count(context=CONTEXT) == await index.count(context=CONTEXT) == 10
    assert await lost(store, index, range(10)) == []
    await store.close()
    await index.close()


# ── What stands in a file ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("connector", [PgVectorStore, PgLexicalIndex])
def test_a_file_that_is_wrong_is_said_to_be(connector: type[PgVectorStore | PgLexicalIndex]) -> None:
    wrong: list[tuple[dict[str, Any], type[RagstoneError]]] = [
        ({}, NotConfigured),
        ({"url": "http://example.org"}, ConfigError),
        ({"url": "postgresql://localhost/x", "schema": ""}, ConfigError),
        ({"url": "postgresql://localhost/x", "collection": "a b"}, ConfigError),
    ]
    for keys, error in wrong:
        with pytest.raises(error):
            connector(**keys)
