"""The tables of a project in a SQLite file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.errors import StateError
from ragstone.state.conversations import ConversationTables
from ragstone.state.tables import SqliteDatabase
from ragstone.testing.suites import DatabaseSuite
from ragstone.testing.suites.database import ANA, turn


class TestSqlite(DatabaseSuite):
    vendors: ClassVar[tuple[str, ...]] = ("sqlite3",)

    def make(self, tmp_path: Path) -> SqliteDatabase:
        return SqliteDatabase(tmp_path / "state" / "conversations.db", noun="conversations")


def test_who_only_reads_makes_no_file(tmp_path: Path):
    async def read() -> None:
        database = SqliteDatabase(tmp_path / "conversations.db", noun="conversations")
        assert await ConversationTables(database).newest(ANA) == []
        await database.close()

    asyncio.run(read())
    assert list(tmp_path.iterdir()) == []


async def test_nobody_else_of_this_machine_can_read_the_file(tmp_path: Path):
    database = SqliteDatabase(tmp_path / "conversations.db", noun="conversations")
    await ConversationTables(database).begin(ANA, "one")
    await database.close()
    found = await asyncio.to_thread((tmp_path / "conversations.db").stat)
    assert found.st_mode & 0o777 == 0o600


async def test_two_processes_lose_nothing(tmp_path: Path):
    first, second = (
        ConversationTables(SqliteDatabase(tmp_path / "conversations.db", noun="conversations")) for _ in range(2)
    )
    await first.begin(ANA, "one")
    await asyncio.gather(*(one.add(ANA, "one", turn(), topic="") for _ in range(20) for one in (first, second)))
    assert [one.number for one in await first.turns(ANA, "one")] == list(range(1, 41))
    await first.close()
    await second.close()


async def test_a_damaged_file_says_what_to_do(tmp_path: Path):
    path = tmp_path / "conversations.db"
    path.write_bytes(b"no database" * 1000)
    database = SqliteDatabase(path, noun="conversations")
    with pytest.raises(StateError, match="conversations cannot be kept or read") as caught:
        await ConversationTables(database).newest(ANA)
    assert caught.value.hint is not None
    assert "then conversations begin anew" in caught.value.hint
    await database.close()
