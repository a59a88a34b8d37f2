"""A client that is light enough not to be what is measured: some connections, each with one request at a time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from typing import Any
from urllib.parse import urlsplit

__all__ = ["asked"]


class _Connection(asyncio.Protocol):
    """Sends the same request again as soon as it is answered, until all have been sent."""

    def __init__(self, request: bytes, left: deque[None], took: list[float], done: asyncio.Future[None]) -> None:
        self.request, self.left, self.took, self.done = request, left, took, done
        self.buffer, self.begun, self.size = b"", 0.0, -1

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("the server has closed the connection"))

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.size < 0:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.buffer[:end].lower()
            assert head.startswith(b"http/1.1 200"), self.buffer
            at = head.find(b"content-length:")
            assert at >= 0, head
            self.size = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self.buffer) >= self.size:
            self.took.append(time.perf_counter() - self.begun)
            self.last, self.buffer, self.size = self.buffer, b"", -1
            self._next()

    def _next(self) -> None:
        if not self.left:
            self.done.set_result(None)
            self.transport.close()
            return
        self.left.pop()
        self.begun = time.perf_counter()
        self.transport.write(self.request)


async def asked(url: str, body: dict[str, Any], *, times: int, at_once: int) -> tuple[list[float], float]:
    """Asks so many times: the seconds of each, and of all together. Raises for a status other than 200."""
    address, data = urlsplit(url), json.dumps(body).encode()
    head = f"POST {address.path} HTTP/1.1\r\nhost: {address.netloc}\r\ncontent-type: application/json\r\n"
    request = f"{head}authorization: Bearer none\r\ncontent-length: {len(data)}\r\n\r\n".encode() + data
    loop, left, took = asyncio.get_running_loop(), deque[None]([None] * times), list[float]()
    dones: list[asyncio.Future[None]] = []
    begun = time.perf_counter()
    for _ in range(at_once):
        done = loop.create_future()
        dones.append(done)
        await loop.create_connection(
            lambda done=done: _Connection(request, left, took, done), address.hostname, address.port
        )
    await asyncio.gather(*dones)
    return took, time.perf_counter() - begun
