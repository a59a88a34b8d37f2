"""A server that speaks Chat Completions over loopback, one scripted reply after another. It never waits for a clock.

Anthropic's Messages are spoken by `anthropic_server`, over the same wire.
"""

from __future__ import annotations

import json
import select
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ragstone.protocols import Model
from ragstone.testing.suites.model import Silence
from ragstone.types import Context, Delta, Message, Options, Prompt


@dataclass(frozen=True)
class Reply:
    """One reply. `promised` is a Content-Length that is not kept; `silent` says nothing until the test ends."""

    body: bytes | str | dict[str, Any] | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    broken: bool = False
    promised: int | None = None
    silent: bool = False

    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


def completion(text: str | None, *, finish_reason: str = "stop", **fields: Any) -> Reply:
    """A whole reply, as OpenAI sends it."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish_reason}
    return Reply({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **fields})


def piece(text: str | None = None, *, finish_reason: str | None = None, **fields: Any) -> str:
    """One event of a stream."""
    choices = [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}]
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "choices": choices, **fields})


def streamed(*events: str, done: bool = True, broken: bool = False) -> Reply:
    """A stream. `broken` cuts the connection after the last event."""
    return Reply(events=(*events, "[DONE]") if done else events, broken=broken)


def failure(status: int, message: str, **fields: Any) -> Reply:
    """An error as OpenAI sends it. `retry-after-ms` keeps the SDK's retries from waiting."""
    headers = {"retry-after-ms": "1"}
    return Reply({"error": {"message": message, "type": "error", **fields}}, status=status, headers=headers)


class Server:
    """Where the requests arrive. `requests` are (path, body, headers) in order, but those for its models, `listed`."""

    def __init__(self, http: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{http.server_port}/v1"
        self.requests: list[tuple[str, Any, dict[str, str]]] = []
        self.replies: list[Reply] = []
        self.listed = Reply({"data": []})
        self.ending = threading.Event()
        self.asked = threading.Event()
        self.left = threading.Event()  # a caller has closed the connection to a silent server

    def will(self, *replies: Reply) -> None:
        """What to reply next, in order."""
        self.replies = list(replies)

    def silence(self) -> Silence:
        """Says nothing to whoever asks next."""
        self.asked.clear()
        self.replies = [Reply(silent=True)]
        return Silence(self.asked, self.left)

    def wait(self, connection: socket.socket) -> None:
        """Until the other side is gone, or the test is over."""
        while not self.ending.is_set():
            try:
                if select.select([connection], [], [], 0.02)[0] and not connection.recv(1, socket.MSG_PEEK):
                    break
            except ConnectionError:
                break
        self.left.set()

    @property
    def sent(self) -> Any:
        """The body of the last request for a completion."""
        return next(body for path, body, _ in reversed(self.requests) if path.endswith(("/completions", "/messages")))


@contextmanager
def serving() -> Iterator[Server]:
    """Starts a server and ends it, with every thread that it began."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    http.daemon_threads = False
    server = http.script = Server(http)  # type: ignore[attr-defined]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        http.shutdown()
        http.server_close()
        thread.join()


def prompt(text: str = "How long is a chunk?", **options: Any) -> Prompt:
    """Something to ask such a server."""
    messages = (Message("system", "Be brief."), Message("user", text))
    return Prompt(name="answer", version="1", messages=messages, options=Options(**options))


async def collect(model: Model, given: Prompt, *, context: Context | None = None) -> list[Delta]:
    """All that a model streams."""
    return [delta async for delta in model.stream(given, context=context or Context())]


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._reply(None)

    def do_POST(self) -> None:
        self._reply(json.loads(self.rfile.read(int(self.headers["content-length"]))))

    def _reply(self, body: Any) -> None:
        script: Server = self.server.script  # type: ignore[attr-defined]
        if self.path == "/v1/models":
            reply = script.listed
        else:
            script.requests.append((self.path, body, {name.lower(): value for name, value in self.headers.items()}))
            script.asked.set()
            reply = script.replies.pop(0)
        self.close_connection = True
        if reply.silent:
            script.wait(self.connection)
            return
        self.send_response(reply.status)
        for name, value in {"connection": "close", "content-type": "application/json", **reply.headers}.items():
            if not (reply.events and name == "content-type"):
                self.send_header(name, value)
        if reply.events:
            self._events(reply.events, broken=reply.broken)
            return
        data = reply.data()
        self.send_header("content-length", str(reply.promised or len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _events(self, events: Iterable[str], *, broken: bool) -> None:
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            data = (event if event.startswith("event: ") else f"data: {event}\n\n").encode()
            self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
            self.wfile.flush()
        if not broken:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, *args: Any) -> None:
        """Tests print nothing."""
