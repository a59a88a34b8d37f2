"""The Postgres store and index against a real Postgres with pgvector."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.testing.suites import LexicalIndexSuite, VectorStoreSuite

pytestmark = pytest.mark.servers


def named(path: Path) -> str:
    """A collection of a folder's own."""
    return "x" + str(path).replace("/", "-").replace("_", "-")


class TestVectors(VectorStoreSuite):
    vendors = ("psycopg", "psycopg_binary")
    persistent = True
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _at(self, postgres: str) -> None:
        type(self).url = postgres

    def make(self, tmp_path: Path) -> PgVectorStore:
        return PgVectorStore(url=self.url, collection=named(tmp_path))


class TestTerms(LexicalIndexSuite):
    vendors = ("psycopg", "psycopg_binary")
    persistent = True
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _at(self, postgres: str) -> None:
        type(self).url = postgres

    def make(self, tmp_path: Path) -> PgLexicalIndex:
        return PgLexicalIndex(url=self.url, collection=named(tmp_path))
