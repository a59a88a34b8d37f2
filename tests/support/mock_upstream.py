"""A server that speaks Chat Completions fast and always the same way, for benchmarks and for tests of many requests.

    python tests/support/mock_upstream.py --port 8001 --think 0.05 --words 32

It says as many words as it is told, counts them as tokens, and logs each request: `GET /log` tells the whole log, as a
test holds it against a ledger, and `POST /log` empties it. `asked_as` is the x-request-id of a request. What a
client did not wait for is logged with `whole: false` and the words that it was sent.

It parses no more HTTP than clients of OpenAI send: a request has a Content-Length.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

WORDS = ("The", "halibut", "project", "ships", "on", "3", "May", "2031", "as", "planned.")
CHARACTERS = 4  # of the input, that are one token
BLOCK = 16  # tokens that its prefix cache keeps together
CREATED = 1_900_000_000


@dataclass(slots=True)
class Logged:
    """One request as it was answered."""

    id: str
    asked_as: str  # the x-request-id
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    stream: bool
    whole: bool = False


class Upstream:
    """What it says, and what it has said. `think` are the seconds before the first word, `pace` those between words."""

    def __init__(self, *, words: int = 10, think: float = 0.0, pace: float = 0.0) -> None:
        self.words, self.think, self.pace = words, think, pace
        self.log: list[Logged] = []
        self.asked = 0  # requests that have come
        self.clients: set[asyncio.Transport] = set()
        self.url = ""

    def answered(self, body: dict[str, Any], asked_as: str) -> tuple[Logged, list[str]]:
        """The entry of a request, and the words that answer it; the log has it already."""
        self.asked += 1
        limit = body.get("max_completion_tokens") or body.get("max_tokens") or self.words
        said = [WORDS[at % len(WORDS)] for at in range(min(self.words, limit))]
        tokens = max(1, sum(len(str(message.get("content"))) for message in body["messages"]) // CHARACTERS)
        entry = Logged(
            id=f"chatcmpl-{self.asked}",
            asked_as=asked_as,
            input_tokens=tokens,
            cached_tokens=tokens // 2 // BLOCK * BLOCK,
            output_tokens=0,
            stream=bool(body.get("stream")),
        )
        self.log.append(entry)
        return entry, said


class _Connection(asyncio.Protocol):
    """One client. Requests come one after the other."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream, self.buffer = upstream, b""
        self.answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.upstream.clients.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.upstream.clients.discard(self.transport)
        if self.answering is not None:
            self.answering.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        first, *lines = self.buffer[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(self.buffer) < end + 4 + length:
            return
        body, self.buffer = self.buffer[end + 4 : end + 4 + length], self.buffer[end + 4 + length :]
        method, path, _ = first.split(" ")
        if path.endswith("/chat/completions") and method == "POST":
            self._complete(json.loads(body), headers.get("x-request-id", ""))
        elif path == "/log":
            if method == "POST":
                self.upstream.log.clear()
            self._reply([asdict(entry) for entry in self.upstream.log])
        elif path.endswith("/models"):
            self._reply({"object": "list", "data": [{"id": "mock", "object": "model"}]})
        else:
            self._reply({"status": "ok"})

    def _complete(self, body: dict[str, Any], asked_as: str) -> None:
        entry, said = self.upstream.answered(body, asked_as)
        if entry.stream:
            self.answering = asyncio.ensure_future(self._stream(body, entry, said))
        elif self.upstream.think:
            self.answering = asyncio.ensure_future(self._think(body, entry, said))
        else:
            self._whole(body, entry, said)

    async def _think(self, body: dict[str, Any], entry: Logged, said: list[str]) -> None:
        await asyncio.sleep(self.upstream.think)
        self._whole(body, entry, said)

    def _whole(self, body: dict[str, Any], entry: Logged, said: list[str]) -> None:
        n = body.get("n") or 1
        entry.output_tokens, entry.whole = len(said) * n, True
        message = {"role": "assistant", "content": " ".join(said)}
        choices = [{"index": at, "message": message, "finish_reason": _reason(body, said)} for at in range(n)]
        kept = {"id": entry.id, "object": "chat.completion", "created": CREATED, "model": body["model"]}
        self._reply({**kept, "choices": choices, "usage": _usage(entry)})

    async def _stream(self, body: dict[str, Any], entry: Logged, said: list[str]) -> None:
        await asyncio.sleep(self.upstream.think)
        head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        kept = {"id": entry.id, "object": "chat.completion.chunk", "created": CREATED, "model": body["model"]}
        self.transport.write(head.encode())
        for place, word in enumerate(said):
            if self.upstream.pace:
                await asyncio.sleep(self.upstream.pace)
            entry.output_tokens += 1
            text = word if place == 0 else f" {word}"
            self._event({**kept, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        self._event({**kept, "choices": [{"index": 0, "delta": {}, "finish_reason": _reason(body, said)}]})
        if (body.get("stream_options") or {}).get("include_usage"):
            self._event({**kept, "choices": [], "usage": _usage(entry)})
        entry.whole = True
        self._event("[DONE]")
        self.transport.write(b"0\r\n\r\n")

    def _event(self, value: object) -> None:
        data = f"data: {value if isinstance(value, str) else json.dumps(value)}\n\n".encode()
        self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def _reply(self, value: object) -> None:
        data = json.dumps(value).encode()
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(data)
        self.transport.write(head + data)


def _reason(body: dict[str, Any], said: list[str]) -> str:
    limit = body.get("max_completion_tokens") or body.get("max_tokens")
    return "length" if limit is not None and len(said) >= limit else "stop"


def _usage(entry: Logged) -> dict[str, Any]:
    return {
        "prompt_tokens": entry.input_tokens,
        "completion_tokens": entry.output_tokens,
        "total_tokens": entry.input_tokens + entry.output_tokens,
        "prompt_tokens_details": {"cached_tokens": entry.cached_tokens},
    }


async def _serve(upstream: Upstream, port: int) -> asyncio.Server:
    server = await asyncio.get_running_loop().create_server(partial(_Connection, upstream), "127.0.0.1", port)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    return server


@contextmanager
def serving(*, words: int = 10, think: float = 0.0, pace: float = 0.0) -> Iterator[Upstream]:
    """Serves on a thread of its own for the block."""
    upstream, loop = Upstream(words=words, think=think, pace=pace), asyncio.new_event_loop()
    server = loop.run_until_complete(_serve(upstream, 0))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def end() -> None:
        server.close()
        for client in set(upstream.clients):
            client.abort()
        await asyncio.sleep(0)  # they are lost in the loop's next turn

    try:
        yield upstream
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _main() -> None:
    options = argparse.ArgumentParser(description="A mock of an OpenAI-compatible server, on 127.0.0.1.")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--words", type=int, default=10, help="the length of an answer")
    options.add_argument("--think", type=float, default=0.0, help="seconds before the first word")
    options.add_argument("--pace", type=float, default=0.0, help="seconds between two words")
    given = options.parse_args()
    server = await _serve(Upstream(words=given.words, think=given.think, pace=given.pace), given.port)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        from uvloop import run  # as the servers in front of it have it
    except ImportError:
        run = asyncio.run
    run(_main())
