"""Every connector passes the suite of its protocol. Chroma's are in `chroma/`, a real server's in `tests/servers/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest

from openai_server import Reply, Server, completion, piece, serving, streamed
from ragstone.connectors.extractive import ExtractiveModel
from ragstone.connectors.openai import OpenAIModel
from ragstone.connectors.openvino import OpenVINOEmbedder, embedder
from ragstone.connectors.sqlite_cache import SqliteCache
from ragstone.connectors.sqlite_ledger import SqliteLedger
from ragstone.connectors.tantivy import TantivyIndex
from ragstone.protocols import Ledger
from ragstone.state.cached import CacheFile
from ragstone.testing import HashingEmbedder
from ragstone.testing.suites import CacheSuite, CheckSuite, EmbedderSuite, LedgerSuite, LexicalIndexSuite, ModelSuite
from ragstone.testing.suites.model import Silence
from ragstone.validation.checks.length import LengthCheck


class TestOpenVINOEmbedder(EmbedderSuite):
    vendors = ("openvino", "tokenizers")

    @pytest.fixture(autouse=True)
    def _fitted_on_few_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(embedder, "FITTED", 2_000)

    def make(self, tmp_path: Path) -> OpenVINOEmbedder:
        return OpenVINOEmbedder(download=False)


class TestTantivyIndex(LexicalIndexSuite):
    vendors = ("tantivy",)
    persistent = True

    def make(self, tmp_path: Path) -> TantivyIndex:
        return TantivyIndex(tmp_path / "lexical")


class TestTantivyIndexInMemory(LexicalIndexSuite):
    vendors = ("tantivy",)

    def make(self, tmp_path: Path) -> TantivyIndex:
        return TantivyIndex()


class TestSqliteLedger(LedgerSuite):
    vendors = ("sqlite3", "_sqlite3")

    def make(self, tmp_path: Path) -> SqliteLedger:
        return SqliteLedger(tmp_path / "deep" / "ledger.db")


class TestSqliteLedgerInMemory(LedgerSuite):
    def make(self, tmp_path: Path) -> SqliteLedger:
        return SqliteLedger(None)

    async def test_a_claim_that_is_old_counts_as_an_estimate(self, connector: Ledger) -> None:
        pytest.skip("what lies in memory is gone when it is closed")


class TestSqliteCache(CacheSuite):
    vendors = ("sqlite3", "_sqlite3")
    persistent, timed = True, True

    def make(self, tmp_path: Path) -> SqliteCache:
        return self.sized(tmp_path / "deep" / "answers.db", 10**9)

    def small(self, tmp_path: Path, size: int) -> SqliteCache:
        return self.sized(tmp_path / "deep" / "answers.db", size)

    def sized(self, path: Path | None, size: int) -> SqliteCache:
        made = SqliteCache(path)
        made.file = CacheFile(path, size=size, largest=5_000_000, clock=self.clock)
        return made


class TestSqliteCacheInMemory(TestSqliteCache):
    persistent = False

    def make(self, tmp_path: Path) -> SqliteCache:
        return self.sized(None, 10**9)

    def small(self, tmp_path: Path, size: int) -> SqliteCache:
        return self.sized(None, size)


class TestExtractiveModel(ModelSuite):
    def make(self, tmp_path: Path) -> ExtractiveModel:
        return ExtractiveModel(embedder=HashingEmbedder())


USAGE = {"prompt_tokens": 40, "completion_tokens": 4, "total_tokens": 44}


class Answering(list[Reply]):
    """As many replies as are asked for, whole or streamed as the last request wants it."""

    def __init__(self, server: Server) -> None:
        self.server = server

    def pop(self, index: Any = -1, /) -> Reply:
        path, body, _ = self.server.requests[-1]
        if path == "/metrics":
            return Reply("", status=404)
        if body.get("stream"):
            return streamed(piece("Paris"), piece(" [1]."), piece(finish_reason="stop", usage=USAGE))
        return completion("Paris [1].", usage=USAGE)


class TestOpenAIModel(ModelSuite):
    deadlines = True
    secret = "sk-secret-0123456789"
    server: ClassVar[Server]

    @pytest.fixture(autouse=True)
    def _serving(self) -> Iterator[None]:
        with serving() as server:
            server.replies = Answering(server)
            type(self).server = server
            yield

    def make(self, tmp_path: Path) -> OpenAIModel:
        return OpenAIModel("m", base_url=self.server.url, api_key=self.secret, lacks=["seed", "topK"])

    def silenced(self) -> Silence:
        return self.server.silence()


class TestLengthCheckInCharacters(CheckSuite):
    passes, fails, repairs = "It is late.", "It is late, and it was late before.", True

    def make(self, tmp_path: Path) -> LengthCheck:
        return LengthCheck(most=20)


class TestLengthCheckInWords(CheckSuite):
    passes, fails, repairs = "It is late.", "It is late, and it was late before.", True

    def make(self, tmp_path: Path) -> LengthCheck:
        return LengthCheck(most=4, unit="words")


class TestLengthCheckOfShortTexts(CheckSuite):
    passes, fails = "It is late.", "It is"

    def make(self, tmp_path: Path) -> LengthCheck:
        return LengthCheck(least=3, unit="words")
