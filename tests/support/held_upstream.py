"""A server that speaks Chat Completions, and stops in the middle of a stream until a test lets it go on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ["FIRST", "REST", "HeldUpstream", "serving"]

FIRST = "The halibut project ships on 3 May 2031. [1] Its captain is Ada Norn, who has sailed it for "
REST = "eleven years. [1]"
"""What comes before the stop goes on past its sentence: only then is known where that ends."""

PATIENCE = 60.0  # seconds until a stream goes on all the same


class HeldUpstream(ThreadingHTTPServer):
    """What it says is FIRST, then REST. Between `hold` and `let_go` streams stop after FIRST; `held` are those."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.held = threading.Semaphore(0)
        self._free = threading.Event()
        self._free.set()

    def hold(self) -> None:
        """Streams that begin from now on stop in the middle."""
        self._free.clear()

    def let_go(self) -> None:
        """All streams go on to their end."""
        self._free.set()

    def middle(self) -> None:
        """Called by a stream that has said FIRST."""
        if not self._free.is_set():
            self.held.release()
        self._free.wait(PATIENCE)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone away is no news."""


class _Handler(BaseHTTPRequestHandler):
    server: HeldUpstream

    def do_GET(self) -> None:
        self._whole({"object": "list", "data": [{"id": "held", "object": "model"}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if not asked.get("stream"):
            message = {"role": "assistant", "content": FIRST + REST}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._whole({"id": "1", "object": "chat.completion", "created": 1, "model": "held", "choices": [choice]})
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self._piece({"content": FIRST}, None)
        self.server.middle()
        self._piece({"content": REST}, None)
        self._piece({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _piece(self, delta: dict[str, str], reason: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        kept = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "held", "choices": [choice]}
        self.wfile.write(b"data: " + json.dumps(kept).encode() + b"\n\n")
        self.wfile.flush()

    def _whole(self, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: object) -> None:
        """Nothing is printed."""


@contextmanager
def serving() -> Iterator[HeldUpstream]:
    """One that runs for the block."""
    with HeldUpstream() as upstream:
        thread = threading.Thread(target=upstream.serve_forever)
        thread.start()
        try:
            yield upstream
        finally:
            upstream.let_go()
            upstream.shutdown()
            thread.join()
