"""A server of Chat Completions that sees its callers leave: it answers nothing, or begins to, and waits for the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from openai_server import piece

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
REFUSED = b"HTTP/1.1 500 Oops\r\nretry-after-ms: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class LeftServer:
    """`asked` and `left` count requests, and callers that closed their connection before they had an answer."""

    def __init__(self, *, words: bool = False, refuses: bool = False) -> None:
        self.words, self.refuses = words, refuses
        self.url = ""
        self.asked = self.left = 0
        self.changed = asyncio.Condition()

    async def until(self, *, asked: int = 0, left: int = 0) -> None:
        """Waits for so many."""
        async with self.changed:
            await self.changed.wait_for(lambda: self.asked >= asked and self.left >= left)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
        async with self.changed:
            self.asked += 1
            self.changed.notify_all()
        if self.refuses:
            writer.write(REFUSED)
        elif self.words:
            writer.write(HEAD + f"data: {piece('Good ')}\n\n".encode())
        if not self.refuses:
            await reader.read()  # until the caller closes
            async with self.changed:
                self.left += 1
                self.changed.notify_all()
        writer.close()


@asynccontextmanager
async def leaving(*, words: bool = False, refuses: bool = False) -> AsyncGenerator[LeftServer]:
    """Such a server on loopback, in the loop of the test."""
    server = LeftServer(words=words, refuses=refuses)
    listening = await asyncio.start_server(server.answer, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
    async with listening:
        yield server
