"""Stands before a real OpenAI-compatible server, and does to its clients what servers and networks do to them.

    with proxying("http://127.0.0.1:8000") as proxy:
        proxy.will(says(503, after=1), breaks("reset", events=2), PASS)     # the next three requests, in order
        model = OpenAIModel("tiny", base_url=proxy.url)
        ...
        assert proxy.seen[1].gone.wait(10)

`will` counts requests for completions alone: every other one, as for the list of models, is passed on. It may be
called again at any time; when its faults are used up, `otherwise` is what each request meets. Requests that come at
once are counted in the order in which their last byte arrives. The proxy lives on a thread of its own, and never waits
for a clock unless a fault drips.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import socket
import struct
import termios
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

How = Literal["hang", "reset", "close", "end"]

GARBAGE = b"\x00\xff\xfe\x80 no HTTP at all \x9c\x1b\r\n\r\n"
HALF_JSON = b'{"id": "c", "object": "chat.completion", "choices": [{"index": 0, "mess'
HTML = b"<!DOCTYPE html><html><head><title>502</title></head><body><h1>Bad gateway</h1></body></html>"
ERROR = {"error": {"message": "the engine died", "type": "internal_error", "code": 500}}

HEAD_LIMIT = 65_536  # bytes of the head of a request or reply
PATIENCE = 20.0  # seconds after which a test that waits is wrong


@dataclass(frozen=True, slots=True)
class Fault:
    """What one request meets. Without `reply` the server's own is passed on, up to where it breaks.

    It breaks after the headers and `size` bytes or `events` whole events of the body; before the headers where
    `headers` is False. `words` are said there before it does: an error event of a stream, say. `drip` passes so many
    bytes at a time, with `pause` seconds between.
    """

    reply: bytes | None = None
    how: How | None = None
    headers: bool = True
    size: int | None = None
    events: int | None = None
    words: bytes = b""
    drip: int | None = None
    pause: float = 0.0


PASS = Fault()
"""Nothing goes wrong."""


def says(
    status: int = 200,
    body: bytes | str | dict[str, Any] = b"",
    *,
    after: str | float | None = None,
    media: str = "application/json",
    **headers: str,
) -> Fault:
    """A reply that the server knows nothing of. `after` is its Retry-After.

    >>> says(503, after=1)      # come again in a second
    >>> says(200, HALF_JSON)    # half of a reply, as if it were whole
    >>> says(200, ERROR)        # an error that calls itself a success
    """
    data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    if not data and status >= 400:
        data = json.dumps({"error": {"message": f"status {status}", "type": "error"}}).encode()
    named = {"content-type": media, "content-length": str(len(data))}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    if after is not None:
        named["retry-after"] = str(after)
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return Fault(reply=f"HTTP/1.1 {status} Scripted\r\n{lines}\r\n".encode() + data)


def garbage() -> Fault:
    """Bytes that are no HTTP, and then the end."""
    return Fault(reply=GARBAGE, how="close")


def breaks(
    how: How, *, headers: bool = True, size: int | None = None, events: int | None = None, words: bytes = b""
) -> Fault:
    """The server's own reply up to a place, and then silence (`hang`), an RST, a FIN midway, or its proper `end`.

    >>> breaks("hang", headers=False)                # no answer at all
    >>> breaks("hang")                               # headers, and then nothing
    >>> breaks("reset", size=100)                    # an RST after 100 bytes of the body
    >>> breaks("close", events=2)                    # a stream that ends after two events, with its length not kept
    >>> breaks("end", events=2, words=ERROR_EVENT)   # a stream with an error in the middle
    """
    return Fault(how=how, headers=headers, size=size, events=events, words=words)


def drips(size: int, pause: float) -> Fault:
    """The server's own reply, so many bytes at a time."""
    return Fault(drip=size, pause=pause)


ERROR_EVENT = b"data: " + json.dumps(ERROR).encode() + b"\n\n"
"""An error in the middle of a stream, as vLLM sends it."""


@dataclass(slots=True)
class Seen:
    """One request. `gone` is set when its client went away before the reply was whole, `ended` when all is over."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    fault: Fault
    passed_on: bool = False  # whether the server got it
    sent: int = 0  # bytes of the reply that went to the client
    gone: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)


class _Broken(Exception):
    """The reply has come to the place where it breaks."""


class Proxy:
    """Where clients arrive. `seen` are their requests in order, `url` is what a client calls `base_url`.

    `drops` are fields of requests for completions that the server is not told of, so that it ignores them.
    """

    def __init__(self, upstream: str) -> None:
        address = urlsplit(upstream)
        self._host, self._port = address.hostname or "127.0.0.1", address.port or 80
        self.seen: list[Seen] = []
        self.otherwise = PASS
        self.drops: tuple[str, ...] = ()
        self._script: list[Fault] = []
        self._news = threading.Condition()
        self._clients: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._loop = asyncio.new_event_loop()
        # The port stays ours while nobody listens on it: this socket is bound, and never listens.
        self._held = _bound(0)
        self.port = int(self._held.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._server: asyncio.Server | None = None

    # ── What a test says ─────────────────────────────────────────────────────────────────────────────────────────────

    def will(self, *faults: Fault) -> None:
        """What the next requests for completions meet, in order; what was said before is forgotten."""
        self._script = list(faults)

    def refuse(self) -> None:
        """From now on no connection is taken, and those that are open are reset: the server has died."""
        self._run(self._refuse())

    def accept(self) -> None:
        """Takes connections again."""
        self._run(self._accept())

    @property
    def asked(self) -> list[Seen]:
        """The requests for completions."""
        return [seen for seen in self.seen if seen.path.endswith("/completions")]

    def met(self, count: int = 1) -> Seen:
        """Waits until so many requests for completions have come, and returns the last of these."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.asked) >= count, PATIENCE), f"fewer than {count} requests came"
        return self.asked[count - 1]

    # ── Its thread ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _run(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _accept(self) -> None:
        if self._server is None:
            self._server = await asyncio.start_server(self._met, sock=_bound(self.port), limit=HEAD_LIMIT)

    async def _refuse(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = list(self._clients.items())
        for task, writer in tasks:
            _reset(writer)
            task.cancel()
        await asyncio.gather(*(task for task, _ in tasks), return_exceptions=True)

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients[task] = writer
        try:
            while await self._served(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client, the server or the test has ended it
        finally:
            del self._clients[task]
            writer.close()

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its reply. Returns whether the connection may go on."""
        first, headers, raw = await _head(reader)
        method, path, _ = first.split(" ", 2)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        counts = path.endswith("/completions")
        fault = (self._script.pop(0) if self._script else self.otherwise) if counts else PASS
        seen = Seen(method, path, headers, json.loads(body) if body else None, fault)
        with self._news:
            self.seen.append(seen)
            self._news.notify_all()
        request = _without(self.drops, raw, seen.body) if counts and self.drops else raw + body
        replying = asyncio.ensure_future(self._reply(seen, request, writer))
        leaving = asyncio.ensure_future(reader.read(1))  # clients of OpenAI send nothing before they have the reply
        try:
            await asyncio.wait({replying, leaving}, return_when=asyncio.FIRST_COMPLETED)
            failed = replying.done() and replying.exception() is not None
            if not replying.done() or (failed and leaving.done()):  # with the client there, the server has failed
                seen.gone.set()
                return False
        finally:
            for task in (replying, leaving):
                task.cancel()
            await asyncio.gather(replying, leaving, return_exceptions=True)
            seen.ended.set()
        return replying.result()

    async def _reply(self, seen: Seen, request: bytes, writer: asyncio.StreamWriter) -> bool:
        fault = seen.fault
        if fault.reply is not None:
            await _send(seen, writer, fault.reply)
            if fault.how is not None:
                await self._break(fault.how, writer)
            return fault.how is None
        async with aclosing(self._upstream(seen, request)) as pieces:
            try:
                async for piece in _until(fault, pieces):
                    for part in _parts(piece, fault):
                        await _send(seen, writer, part)
                        if fault.pause:
                            await asyncio.sleep(fault.pause)
            except _Broken:
                how = fault.how or "close"
                if fault.words:
                    await _send(seen, writer, _chunk(fault.words))
                if how == "end":
                    await _send(seen, writer, _chunk(b""))
                    return True
                await self._break(how, writer)
                return False
        return True

    async def _break(self, how: How, writer: asyncio.StreamWriter) -> None:
        if how == "hang":
            await asyncio.Event().wait()  # until the client goes away, or the test ends
        elif how == "reset":
            await _arrived(writer)
            _reset(writer)
        else:
            writer.close()

    async def _upstream(self, seen: Seen, request: bytes) -> AsyncGenerator[bytes]:
        """The server's reply: its head, then its body as it comes; a body in chunks is one piece for each event."""
        reader, writer = await asyncio.open_connection(self._host, self._port, limit=HEAD_LIMIT)
        try:
            writer.write(request)
            await writer.drain()
            seen.passed_on = True
            _, headers, raw = await _head(reader)
            yield raw
            if headers.get("transfer-encoding") == "chunked":
                async with aclosing(_events(reader)) as events:
                    async for event in events:
                        yield _chunk(event)
                yield _chunk(b"")
            else:
                yield await reader.readexactly(int(headers.get("content-length", 0)))
        finally:
            writer.close()  # so that the server knows when the client has gone


@contextmanager
def proxying(upstream: str) -> Iterator[Proxy]:
    """Starts a proxy before the server at an address, and ends it with every connection through it."""
    proxy = Proxy(upstream)
    thread = threading.Thread(target=proxy._loop.run_forever)
    thread.start()
    proxy.accept()
    try:
        yield proxy
    finally:
        proxy.refuse()
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join()
        proxy._loop.close()
        proxy._held.close()


# ── HTTP, as much as is needed ──────────────────────────────────────────────────────────────────────────────────────


async def _head(reader: asyncio.StreamReader) -> tuple[str, dict[str, str], bytes]:
    raw = await reader.readuntil(b"\r\n\r\n")
    first, *lines = raw.decode("latin-1").rstrip("\r\n").split("\r\n")
    return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}, raw


def _without(fields: tuple[str, ...], raw: bytes, body: dict[str, Any]) -> bytes:
    """The request of a client that does not know these fields."""
    kept = json.dumps({name: value for name, value in body.items() if name not in fields}).encode()
    return re.sub(rb"(?i)(content-length: *)\d+", rb"\g<1>%d" % len(kept), raw) + kept


async def _events(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    """The whole events of a body in chunks, and what stands behind the last one."""
    held = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        held += (await reader.readexactly(size + 2))[:-2]
        *whole, held = held.split(b"\n\n")
        for event in whole:
            yield event + b"\n\n"
    await reader.readuntil(b"\r\n")
    if held:
        yield held


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _until(fault: Fault, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The head and the body, up to the place where the reply breaks. Raises _Broken there."""
    if fault.how is not None and not fault.headers:
        raise _Broken
    events, size = 0, 0
    async for piece in pieces:
        body = events > 0
        if body and fault.how is not None and _full(fault, events - 1, size):
            raise _Broken
        kept = piece if not body or fault.size is None else piece[: fault.size - size]
        yield kept
        size += len(kept) if body else 0
        events += 1
        if fault.how is not None and (_full(fault, events - 1, size) or len(kept) < len(piece)):
            raise _Broken


def _full(fault: Fault, events: int, size: int) -> bool:
    """Whether so much of the body is where the reply breaks; at once where neither is said."""
    if fault.events is not None:
        return events >= fault.events
    return size >= (fault.size or 0)


def _parts(piece: bytes, fault: Fault) -> list[bytes]:
    step = fault.drip or len(piece)
    return [piece[at : at + step] for at in range(0, len(piece), step)]


async def _send(seen: Seen, writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()
    seen.sent += len(data)


async def _arrived(writer: asyncio.StreamWriter) -> None:
    """Waits until the other end has what was sent. A busy machine may not have, and an RST throws away what is left."""
    end = time.monotonic() + PATIENCE
    while not writer.is_closing() and (writer.transport.get_write_buffer_size() or _unread(writer)):
        assert time.monotonic() < end, "the other end does not take what was sent"
        await asyncio.sleep(0.001)


def _unread(writer: asyncio.StreamWriter) -> int:
    """Bytes that the kernel still holds for the other end."""
    socket_ = writer.get_extra_info("socket")
    return struct.unpack("i", fcntl.ioctl(socket_.fileno(), termios.TIOCOUTQ, bytes(4)))[0]


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with an RST: nothing lingers."""
    found = writer.get_extra_info("socket")
    with suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made
