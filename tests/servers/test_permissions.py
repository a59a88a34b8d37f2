"""Nobody gets out what is not for them from a store on a server either."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from permissions import Backend, World, require_no_rights_left, require_secrecy, worlds
from ragstone.connectors.chroma import ChromaStore
from ragstone.connectors.pgvector import PgLexicalIndex, PgVectorStore
from ragstone.connectors.tantivy import TantivyIndex
from servers import free_port, missing, running

pytestmark = pytest.mark.servers

CHROMA = Path(sys.executable).with_name("chroma")
EXAMPLES = 3


@pytest.fixture(scope="module")
def chroma(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Chroma server."""
    if not CHROMA.exists():
        missing("the Chroma server", "Run: make test-servers")
    folder, port = tmp_path_factory.mktemp("chroma"), free_port()
    command = [CHROMA, "run", "--host", "127.0.0.1", "--port", str(port), "--path", folder / "data"]
    health = f"http://127.0.0.1:{port}/api/v2/heartbeat"
    with running(command, health=health, log=folder / "log", environment={"ANONYMIZED_TELEMETRY": "False"}):
        yield f"http://127.0.0.1:{port}"


def require(backend: Backend) -> None:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds())
    def check(world: World) -> None:
        asyncio.run(require_secrecy(world, backend))

    check()


def named(collection: str) -> str:
    return f"{collection}-{secrets.token_hex(6)}"


def test_nothing_of_what_is_forbidden_is_shown_from_chroma(chroma: str) -> None:
    require(lambda collection: (ChromaStore(url=chroma, collection=named(collection)), TantivyIndex()))


async def test_a_dropped_collection_leaves_no_rights_behind_on_a_server(chroma: str) -> None:
    await require_no_rights_left(lambda name: ChromaStore(url=chroma, collection=named(name)))


def test_nothing_of_what_is_forbidden_is_shown_from_postgres(postgres: str) -> None:
    """Vectors and words are asked in one statement there."""

    def backend(collection: str) -> tuple[PgVectorStore, PgLexicalIndex]:
        name = named(collection)
        return PgVectorStore(url=postgres, collection=name), PgLexicalIndex(url=postgres, collection=name)

    require(backend)
