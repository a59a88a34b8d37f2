"""A question to a server that hangs up is asked again, a few times and not for long."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ragstone.connectors.chroma import ChromaStore
from ragstone.connectors.chroma.places import Server
from ragstone.errors import StoreUnavailable
from vectors import CONTEXT, records


class HangingUp:
    """Takes connections and ends each at once."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.taken = 0
        threading.Thread(target=self._take, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.taken += 1
            connection.close()


@pytest.fixture
def server() -> Iterator[HangingUp]:
    made = HangingUp()
    yield made
    made.socket.shutdown(socket.SHUT_RDWR)
    made.socket.close()


async def test_a_question_is_tried_again_and_a_write_is_not(server: HangingUp):
    store = ChromaStore(url=server.url)
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await store.count(context=CONTEXT)
    assert server.taken == len(Server.pauses) + 1
    with pytest.raises(StoreUnavailable, match="does not answer"):
        await store.upsert(records(0, 1), context=CONTEXT)
    assert server.taken == len(Server.pauses) + 2
    await store.close()
    assert 0.5 < sum(Server.pauses) < 1.5
