"""The Chroma store against a real Chroma server."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from ragstone.connectors.chroma import ChromaStore
from ragstone.errors import StateError
from ragstone.testing.suites import VectorStoreSuite
from servers import free_port, missing, running
from vectors import CONTEXT, lost, records

pytestmark = pytest.mark.servers

CHROMA = Path(sys.executable).with_name("chroma")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server, of the same version as the client."""
    if not CHROMA.exists():
        missing("the Chroma server", "Run: make test-servers")
    folder, port = tmp_path_factory.mktemp("chroma"), free_port()
    command = [CHROMA, "run", "--host", "127.0.0.1", "--port", str(port), "--path", folder / "data"]
    health = f"http://127.0.0.1:{port}/api/v2/heartbeat"
    with running(command, health=health, log=folder / "log", environment={"ANONYMIZED_TELEMETRY": "False"}):
        yield f"http://127.0.0.1:{port}"


class TestOnAServer(VectorStoreSuite):
    vendors = ("chromadb", "httpx")
    persistent = True
    url: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _at(self, server: str) -> None:
        type(self).url = server

    def make(self, tmp_path: Path) -> ChromaStore:
        return ChromaStore(url=self.url, collection=re.sub(r"[^a-z0-9]+", "-", str(tmp_path)[-60:]).strip("-"))


async def test_it_takes_as_many_as_there_are(server: str) -> None:
    store = ChromaStore(url=server + "/", collection="many")
    await store.upsert(records(0, 7_000), context=CONTEXT)
    assert await store.count(context=CONTEXT) == 7_000
    assert await lost(store, range(0, 7_000, 500)) == []
    await store.delete([f"c{at}" for at in range(6_990)], context=CONTEXT)
    assert await lost(store, range(6_990, 7_000)) == []
    await store.close()


async def test_two_clients_see_each_others_writes_at_once(server: str) -> None:
    one, other = (ChromaStore(url=server, collection="shared") for _ in range(2))
    assert await other.count(context=CONTEXT) == 0
    await one.upsert(records(0, 5), context=CONTEXT)
    assert await lost(other, range(5)) == []
    await one.close()
    await other.close()


async def test_a_server_that_is_none_is_named(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "--directory", tmp_path]
    with running(command, health=f"http://127.0.0.1:{port}/", log=tmp_path / "log"):
        store = ChromaStore(url=f"http://127.0.0.1:{port}")
        with pytest.raises(StateError, match=f"127.0.0.1:{port}"):
            await store.count(context=CONTEXT)
        await store.close()


async def test_a_server_that_went_away_does_not_answer(tmp_path: Path) -> None:
    port = free_port()
    command = [CHROMA, "run", "--host", "127.0.0.1", "--port", str(port), "--path", tmp_path / "data"]
    store = ChromaStore(url=f"http://127.0.0.1:{port}")
    with running(command, health=f"http://127.0.0.1:{port}/api/v2/heartbeat", log=tmp_path / "log"):
        await store.upsert(records(0, 3), context=CONTEXT)
    with pytest.raises(StateError, match="does not answer"):
        await lost(store, [0])
    await store.close()
