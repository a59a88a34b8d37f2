"""A store of LangChain that is on a server: a real Chroma server, through langchain-chroma."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.connectors.langchain import LangChainStore
from ragstone.errors import StoreUnavailable
from ragstone.testing.suites import VectorStoreSuite
from servers import free_port, missing, running
from vectors import CONTEXT, lost, records

pytestmark = [
    pytest.mark.servers,
    # LangChain has no way to close a store, and so the sockets of this one are left to the collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in:pytest.PytestUnraisableExceptionWarning"),
]

CHROMA = Path(sys.executable).with_name("chroma")


def serving(folder: Path, port: int) -> AbstractContextManager[None]:
    if not CHROMA.exists():
        missing("the Chroma server", "Run: make test-servers")
    command = [CHROMA, "run", "--host", "127.0.0.1", "--port", str(port), "--path", folder / "data"]
    health = f"http://127.0.0.1:{port}/api/v2/heartbeat"
    return running(command, health=health, log=folder / "log", environment={"ANONYMIZED_TELEMETRY": "False"})


def store(path: Path, port: int) -> LangChainStore:
    name = re.sub(r"[^a-z0-9]+", "-", str(path)[-60:]).strip("-")
    return LangChainStore(
        path,
        vectorstore="langchain_chroma.Chroma",
        arguments={
            "collection_name": "{collection}",
            "host": "127.0.0.1",
            "port": port,
            "collection_configuration": {"hnsw": {"space": "cosine", "ef_search": 400}},
        },
        filters="mapping",
        collection=name,
    )


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    found = free_port()
    with serving(tmp_path_factory.mktemp("chroma"), found):
        yield found


class TestOnAServer(VectorStoreSuite):
    vendors, persistent = ("langchain_core", "langchain_chroma", "chromadb", "httpx", "sqlite3"), True
    port: ClassVar[int]

    @pytest.fixture(autouse=True)
    def _at(self, port: int) -> None:
        type(self).port = port

    def make(self, tmp_path: Path) -> LangChainStore:
        return store(tmp_path, self.port)


async def test_a_server_that_ends_is_said_and_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ragstone.connectors.langchain.vendor.WAITS", (0.0, 0.0))
    port = free_port()
    made = store(tmp_path / "ledger", port)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await made.upsert(records(0, 5), context=CONTEXT)
    with serving(tmp_path, port):
        await made.upsert(records(0, 5), context=CONTEXT)
        assert await lost(made, range(5)) == []
    for call in (made.ids(context=CONTEXT), lost(made, range(5)), made.upsert(records(0, 9), context=CONTEXT)):
        with pytest.raises(StoreUnavailable, match="does not answer") as raised:
            await call
        assert raised.value.retryable
    with serving(tmp_path, port):
        assert len(await made.ids(context=CONTEXT)) == 5
        await made.upsert(records(0, 9), context=CONTEXT)
        assert await lost(made, range(9)) == []
    await made.close()
