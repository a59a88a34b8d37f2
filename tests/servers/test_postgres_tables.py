"""The tables of a project in a real Postgres."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from ragstone.connectors.pgvector import PgDatabase
from ragstone.errors import StoreUnavailable
from ragstone.state.conversations import ConversationTables
from ragstone.testing.suites import DatabaseSuite
from ragstone.testing.suites.database import ANA, turn

pytestmark = pytest.mark.servers

NAMES = "conversations, conversation_turns, conversation_principals, conversation_sources, conversation_summaries"


class TestPostgres(DatabaseSuite):
    vendors = ("psycopg", "psycopg_binary")
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _empty(self, postgres: str) -> None:
        type(self).url = postgres
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {NAMES}")

    def make(self, tmp_path: Path) -> PgDatabase:
        return PgDatabase(url=self.url)

    async def test_two_machines_make_the_tables_once_and_lose_nothing(self) -> None:
        first, second = (ConversationTables(PgDatabase(url=self.url)) for _ in range(2))
        await asyncio.gather(first.begin(ANA, "one"), second.begin(ANA, "one"))
        await asyncio.gather(*(one.add(ANA, "one", turn(), topic="") for _ in range(12) for one in (first, second)))
        assert [one.number for one in await first.turns(ANA, "one")] == list(range(1, 25))
        await first.close()
        await second.close()


async def test_a_server_that_is_gone_is_told_without_its_password():
    database = PgDatabase(url="postgresql://ana:geheim@127.0.0.1:1/nowhere")
    with pytest.raises(StoreUnavailable, match=r"postgresql://127\.0\.0\.1:1/nowhere") as caught:
        await ConversationTables(database).newest(ANA)
    assert "geheim" not in str(caught.value)
