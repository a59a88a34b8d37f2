"""A small HTTP API on this machine that remembers what it was asked, and answers slowly, wrongly or at length."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Page = tuple[int, dict[str, str], bytes]

LONGEST = 20.0  # seconds that a slow page waits to be let go


@dataclass
class Api:
    """`pages` are by path and query; a path in `slow` sends one byte and then nothing until `released`."""

    pages: dict[str, Page] = field(default_factory=dict[str, Page])
    slow: set[str] = field(default_factory=set[str])
    asked: list[str] = field(default_factory=list[str])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    released: threading.Event = field(default_factory=threading.Event)
    meet: threading.Barrier | None = None  # requests that must be on their way at once before any is answered
    url: str = ""


def page(text: str | bytes, status: int = 200, **headers: str) -> Page:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return status, named, text if isinstance(text, bytes) else text.encode()


@contextmanager
def serving_api() -> Iterator[Api]:
    api = Api()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(self.path)
            api.headers.append(dict(self.headers.items()))
            if api.meet is not None:
                api.meet.wait(LONGEST)
            status, headers, body = api.pages.get(self.path, (404, {}, b"nothing here"))
            with suppress(ConnectionError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.path in api.slow:
                    self.wfile.write(body[:1])
                    self.wfile.flush()
                    api.released.wait(LONGEST)
                    body = body[1:]
                self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        api.released.set()
        server.shutdown()
        server.server_close()
